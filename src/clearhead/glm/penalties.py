"""Penalties on the weights: value, proximal step, conjugate and optimality, by entries or by rows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core.errors import SettingError

__all__ = ["ElasticNet", "GroupElasticNet", "Penalty"]

MIN_L1_RATIO = 1e-3  # λ_max of (nearly) ridge is that of this ratio, as glmnet does


@dataclass(frozen=True)
class Penalty(ABC):
    """λ Σⱼ fⱼ [α‖Wⱼ‖ + (1−α)/2 ‖Wⱼ‖₂²] over the features j.

    Parameters
    ----------
    l1_ratio : α in [0, 1]; 0 is ridge, 1 is lasso.
    factors : one number a feature ≥ 0 multiplying λ; 0 = never penalised, inf = excluded; None = all 1.
    nonnegative : constrain every weight to be ≥ 0.
    """

    grouped: ClassVar[bool]
    l1_ratio: float = 0.99
    factors: Sequence[float] | None = None
    nonnegative: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.l1_ratio <= 1:
            raise SettingError("l1_ratio must lie between 0 and 1", got=self.l1_ratio)
        if self.factors is not None:
            values = tuple(float(f) for f in self.factors)
            if any(math.isnan(f) or f < 0 for f in values) or all(f == 0 or math.isinf(f) for f in values):
                raise SettingError("penalty factors must be ≥ 0, at least one of them positive and finite")
            object.__setattr__(self, "factors", values)

    @property
    def frees(self) -> bool:
        """Whether a feature is never penalised."""
        return self.factors is not None and 0 in self.factors

    def weights(self, p: int, like: Tensor, features: Tensor | None = None) -> Tensor:
        """(p, 1) penalty factors, of the listed features only if given; `SettingError` if there are not p of them."""
        if self.factors is None:
            return torch.ones(p, 1, dtype=like.dtype, device=like.device)
        if features is not None:
            return torch.tensor(self.factors, dtype=like.dtype, device=like.device)[features, None]
        if len(self.factors) != p:
            raise SettingError("one penalty factor a feature is needed", got=len(self.factors), expected=p)
        return torch.tensor(self.factors, dtype=like.dtype, device=like.device)[:, None]

    def lambda_max(self, gradient: Tensor) -> float:
        """The smallest λ at which all penalised weights are zero (eq. 5), from −∂loss/∂W (p, k) of the null model."""
        factors = self.weights(len(gradient), gradient)
        size = self.size(gradient.clamp(min=0) if self.nonnegative else gradient)
        size = torch.where((factors > 0) & torch.isfinite(factors), size / factors, torch.zeros_like(size))
        return float(size.max()) / max(self.l1_ratio, MIN_L1_RATIO)

    def value(self, W: Tensor, lambda_: float) -> float:
        """λ Σⱼ fⱼ[…] in float64."""
        W = W.double()
        size, square = self.size(W), W.square()
        if self.factors is not None:
            factors = self.weights(len(W), W)
            used = torch.where(torch.isfinite(factors), factors, 0.0)  # excluded weights are zero
            size, square = used * size, used * square
        return lambda_ * (self.l1_ratio * float(size.sum()) + (1 - self.l1_ratio) / 2 * float(square.sum()))

    def prox(self, W: Tensor, step: Tensor | float, lambda_: float, features: Tensor | None = None) -> Tensor:
        """argmin_U ½‖U−W‖² + step·penalty(U) (eq. 4) of all or the listed features; ``step``: a number or (p, 1)."""
        factors = self.weights(len(W), W, features)
        scale = step * lambda_ * factors
        finite = torch.isfinite(factors)
        scale = torch.where(finite, scale, torch.zeros_like(scale))
        W = W.clamp(min=0) if self.nonnegative else W
        shrunk = self.threshold(W, scale * self.l1_ratio) / (1 + scale * (1 - self.l1_ratio))
        return shrunk * finite

    def conjugate(self, V: Tensor, lambda_: float) -> float:
        """sup_W ⟨V, W⟩ − penalty(W), in float64; inf where there is no bound."""
        excess, factors = self.excess(V.double(), lambda_)
        if not bool((excess > 0).any()):
            return 0.0
        ridge = lambda_ * (1 - self.l1_ratio) * factors
        if bool((ridge == 0).any()) and bool(((ridge == 0) & (excess > 0)).any()):
            return math.inf
        return float((excess.square() / (2 * ridge).clamp(min=1e-300)).sum())

    def excess(self, V: Tensor, lambda_: float) -> tuple[Tensor, Tensor]:
        """How far V is outside the ℓ1 (or row-norm) ball, and the factors; excluded features are never outside."""
        factors = self.weights(len(V), V)
        V = V.clamp(min=0) if self.nonnegative else V
        excess = (self.size(V) - lambda_ * self.l1_ratio * factors).clamp(min=0)
        return excess if self.factors is None else torch.where(torch.isfinite(factors), excess, 0.0), factors

    def violation(self, W: Tensor, V: Tensor, lambda_: float) -> Tensor:
        """(p, …) distance of V = −∂loss/∂W from the subdifferential at W: zero at the optimum."""
        factors = self.weights(len(W), W)
        finite = torch.isfinite(factors)
        scale = lambda_ * torch.where(finite, factors, 0.0)
        distance = self.distance(W, V - scale * (1 - self.l1_ratio) * W, scale * self.l1_ratio)
        return distance if self.factors is None else torch.where(finite, distance, 0.0)

    @abstractmethod
    def size(self, V: Tensor) -> Tensor:
        """Absolute values (p, k), or row norms (p, 1)."""

    @abstractmethod
    def threshold(self, W: Tensor, level: Tensor) -> Tensor:
        """Soft-threshold entries or rows at ``level`` (p, 1)."""

    @abstractmethod
    def distance(self, W: Tensor, slope: Tensor, level: Tensor) -> Tensor:
        """Distance of ``slope`` from ``level``·∂size(W)."""


class ElasticNet(Penalty):
    """λ[α‖W‖₁ + (1−α)/2‖W‖²]: every weight is kept or dropped by itself.

    >>> import torch
    >>> ElasticNet(l1_ratio=1.0).prox(torch.tensor([[3.0, -0.5]]), 1.0, 1.0)
    tensor([[2., 0.]])
    """

    grouped: ClassVar[bool] = False

    def size(self, V: Tensor) -> Tensor:
        return V.abs()

    def threshold(self, W: Tensor, level: Tensor) -> Tensor:
        return W - torch.clamp(W, min=-level, max=level)

    def distance(self, W: Tensor, slope: Tensor, level: Tensor) -> Tensor:
        at_zero = ((slope if self.nonnegative else slope.abs()) - level).clamp(min=0)
        return torch.where(W == 0, at_zero, (slope - level * W.sign()).abs())


class GroupElasticNet(Penalty):
    """λ[α Σⱼ‖Wⱼ‖₂ + (1−α)/2‖W‖²]: a feature is kept or dropped for all classes at once."""

    grouped: ClassVar[bool] = True

    def size(self, V: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(V, dim=1, keepdim=True)
        return norm

    def threshold(self, W: Tensor, level: Tensor) -> Tensor:
        norm = W.norm(dim=1, keepdim=True)
        # A zero row stays zero: the reference divides by its norm and gets NaN.
        keep = torch.where(norm > level, 1 - level / norm.clamp(min=1e-30), torch.zeros_like(norm))
        return W * keep

    def distance(self, W: Tensor, slope: Tensor, level: Tensor) -> Tensor:
        norm = W.norm(dim=1, keepdim=True)
        wanted = level * W / norm.clamp(min=1e-30)
        difference = slope - wanted
        if self.nonnegative:  # a zero entry of a kept row may have any negative slope
            difference = torch.where((W == 0) & (difference < 0), torch.zeros_like(difference), difference)
        at_zero = ((slope.clamp(min=0) if self.nonnegative else slope).norm(dim=1, keepdim=True) - level).clamp(min=0)
        return torch.where(norm == 0, at_zero, difference.norm(dim=1, keepdim=True))
