"""Losses of a generalised linear model: value, residual, conjugate and mean curvature, each of one row's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.glm import targets
from clearhead.glm.targets import Labels

__all__ = ["Binomial", "Gaussian", "Loss", "Multinomial"]


class Loss(ABC):
    """A convex loss ℓ(z, y) of one row's k outputs.

    The residual is θ = −∂ℓ/∂z, and ``dual_rows`` is −ℓ*(−θ), whose weighted mean minus the penalty's conjugate
    at Xᵀθ/n is the dual objective.
    """

    name: ClassVar[str]
    shift_invariant: ClassVar[bool] = False  # whether adding one number to all outputs of a row changes nothing
    coupled: ClassVar[bool] = False  # whether ∂²ℓ/∂z_c∂z_d is −q_c·q_d with q = y − θ; else zero
    single_curvature: ClassVar[bool] = False  # whether `row_curvature` says how rows of one output differ
    quadratic: ClassVar[bool] = False  # whether ∂²ℓ/∂z² is the identity everywhere

    @abstractmethod
    def encode(self, y: Any, n: int) -> Tensor:
        """Targets as an (n, k) float64 tensor; `DataError` if they cannot be used."""

    @abstractmethod
    def rows(self, Z: Tensor, Y: Tensor) -> Tensor:
        """(n,) loss of each row."""

    @abstractmethod
    def residual(self, Z: Tensor, Y: Tensor) -> Tensor:
        """(n, k) θ = −∂ℓ/∂z."""

    @abstractmethod
    def dual_rows(self, theta: Tensor, Y: Tensor) -> Tensor:
        """(n,) −ℓ*(−θ); −inf outside the domain."""

    @abstractmethod
    def mean_curvature(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        """(k, k) Σᵢ wᵢ ∂²ℓ/∂z² where the residual is ``theta``, with ``weight`` (n, 1) summing to whatever the caller
        likes."""

    def row_diagonal(self, theta: Tensor, Y: Tensor) -> Tensor:
        """(n, k) ∂²ℓ/∂z_c² of each row: q(1 − q) for a probability q = y − θ."""
        return (Y - theta) * (1 - Y + theta)

    def mean_diagonal(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        """(k,) the diagonal of `mean_curvature`."""
        return (self.row_diagonal(theta, Y) * weight).sum(0)

    def row_curvature(self, Z: Tensor) -> Tensor:
        """(n,) float64 ∂²ℓ/∂z² of a single output z = Z (n, 1), where ``single_curvature``."""
        raise NotImplementedError

    def labels(self, y: Any, n: int) -> Labels | None:
        """Targets by the class number of each row, where ``y`` is that and the loss takes classes."""
        return None

    @abstractmethod
    def null_intercept(self, y_mean: Tensor) -> Tensor:
        """(k,) the intercept of the model without features, where there are no offsets."""

    def safe_step(self, theta_mean: Tensor, y_mean: Tensor) -> Tensor:
        """(k,) a step of the intercept after which the loss is not larger, from the mean residual and target."""
        return theta_mean / self.entry_bound()

    def forgiven(self, y_mean: Tensor) -> Tensor:
        """(k,) the mean residual that costs the whole null loss when `balance` mixes it away; 0 where nothing does."""
        return torch.zeros_like(y_mean)

    @abstractmethod
    def curvature_bound(self) -> float:
        """An upper bound of the largest eigenvalue of ∂²ℓ/∂z²."""

    @abstractmethod
    def entry_bound(self) -> float:
        """An upper bound of ∂²ℓ/∂z_c² for one output c."""

    @abstractmethod
    def balance(self, theta_mean: Tensor, y_mean: Tensor) -> tuple[float, Tensor]:
        """(m, s): mixing (1−m)·θ + m·(y − s) has mean zero and stays in the conjugate's domain.

        ``theta_mean`` is the (k,) weighted mean of θ, ``y_mean`` that of the targets.
        """


@dataclass(frozen=True)
class Multinomial(Loss):
    """Softmax cross-entropy of k classes, all k kept (the penalty makes them identifiable).

    ``y`` is integer labels (n,) or one-hot or soft targets (n, k). ``n_classes`` is inferred when None.

    Examples
    --------
    >>> import torch
    >>> Multinomial().rows(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
    0.6931471824645996
    """

    name: ClassVar[str] = "multinomial"
    shift_invariant: ClassVar[bool] = True
    coupled: ClassVar[bool] = True
    n_classes: int | None = None

    def encode(self, y: Any, n: int) -> Tensor:
        return targets.simplex(y, n, self.n_classes)

    def rows(self, Z: Tensor, Y: Tensor) -> Tensor:
        return -(Y * Z.log_softmax(1)).sum(1)  # lse(z) − y·z would lose to cancellation what a line search looks for

    def residual(self, Z: Tensor, Y: Tensor) -> Tensor:
        return Y - _normal(Z.softmax(1))

    def dual_rows(self, theta: Tensor, Y: Tensor) -> Tensor:
        entropy: Tensor = torch.special.entr(Y - theta)
        return entropy.sum(1)

    def mean_curvature(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        Q = Y - theta
        weighted = Q * weight
        return torch.diag(weighted.sum(0)) - Q.T @ weighted

    def labels(self, y: Any, n: int) -> Labels | None:
        return targets.classes(y, n, self.n_classes)

    def null_intercept(self, y_mean: Tensor) -> Tensor:
        return y_mean.clamp(min=1e-300).log()

    def safe_step(self, theta_mean: Tensor, y_mean: Tensor) -> Tensor:
        # Generalised iterative scaling (Darroch and Ratcliff 1972).
        tiny = 1e-300
        return y_mean.clamp(min=tiny).log() - (y_mean - theta_mean).clamp(min=tiny).log()

    def forgiven(self, y_mean: Tensor) -> Tensor:
        return y_mean

    def curvature_bound(self) -> float:
        return 0.5

    def entry_bound(self) -> float:
        return 0.25

    def balance(self, theta_mean: Tensor, y_mean: Tensor) -> tuple[float, Tensor]:
        return _balance(theta_mean, y_mean)


@dataclass(frozen=True)
class Binomial(Loss):
    """Logistic loss of one output, or of m independent outputs that share X (many labels at once).

    ``y`` is {0, 1} or a probability, (n,) or (n, m). The loss of a row is the sum over its outputs.
    """

    name: ClassVar[str] = "binomial"
    single_curvature: ClassVar[bool] = True

    def encode(self, y: Any, n: int) -> Tensor:
        return targets.binary(y, n)

    def rows(self, Z: Tensor, Y: Tensor) -> Tensor:
        # softplus(z) − y·z without cancellation where y is 0 or 1, nor a subnormal number
        return (Z.relu() - Y * Z + Z.abs().clamp(max=80.0).neg().exp().log1p()).sum(1)

    def residual(self, Z: Tensor, Y: Tensor) -> Tensor:
        return Y - _normal(Z.sigmoid())

    def dual_rows(self, theta: Tensor, Y: Tensor) -> Tensor:
        q = Y - theta
        entropy: Tensor = torch.special.entr(q) + torch.special.entr(1 - q)
        return entropy.sum(1)

    def mean_curvature(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        return torch.diag(self.mean_diagonal(theta, Y, weight))

    def row_curvature(self, Z: Tensor) -> Tensor:
        q = Z[:, 0].double().sigmoid()
        return q * (1 - q)

    def null_intercept(self, y_mean: Tensor) -> Tensor:
        return y_mean.clamp(1e-16, 1 - 1e-16).logit()

    def forgiven(self, y_mean: Tensor) -> Tensor:
        return y_mean.minimum(1 - y_mean)

    def curvature_bound(self) -> float:
        return 0.25

    def entry_bound(self) -> float:
        return 0.25

    def balance(self, theta_mean: Tensor, y_mean: Tensor) -> tuple[float, Tensor]:
        both_theta, both_y = torch.cat([theta_mean, -theta_mean]), torch.cat([y_mean, 1 - y_mean])
        mix, share = _balance(both_theta, both_y)
        return mix, share[: len(y_mean)]


@dataclass(frozen=True)
class Gaussian(Loss):
    """Half the squared error of one response or of k responses that share X; ``y`` is (n,) or (n, k) floats."""

    name: ClassVar[str] = "gaussian"
    quadratic: ClassVar[bool] = True

    def encode(self, y: Any, n: int) -> Tensor:
        return targets.real(y, n)

    def rows(self, Z: Tensor, Y: Tensor) -> Tensor:
        return 0.5 * (Z - Y).square().sum(1)

    def residual(self, Z: Tensor, Y: Tensor) -> Tensor:
        return Y - Z

    def dual_rows(self, theta: Tensor, Y: Tensor) -> Tensor:
        return (theta * (Y - 0.5 * theta)).sum(1)

    def mean_curvature(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        return torch.diag(self.mean_diagonal(theta, Y, weight))

    def row_diagonal(self, theta: Tensor, Y: Tensor) -> Tensor:
        return torch.ones_like(theta)

    def mean_diagonal(self, theta: Tensor, Y: Tensor, weight: Tensor) -> Tensor:
        return weight.sum().expand(theta.shape[1])

    def null_intercept(self, y_mean: Tensor) -> Tensor:
        return y_mean

    def curvature_bound(self) -> float:
        return 1.0

    def entry_bound(self) -> float:
        return 1.0

    def balance(self, theta_mean: Tensor, y_mean: Tensor) -> tuple[float, Tensor]:
        # The exact intercept leaves rounding only, which has no domain to leave.
        return 0.0, y_mean


def _normal(q: Tensor) -> Tensor:
    """Probabilities, in place; nil where a square would be subnormal: on some processors products with such numbers
    take ten times as long."""
    return q.masked_fill_(q < torch.finfo(q.dtype).tiny ** 0.4, 0.0)


def _balance(theta_mean: Tensor, y_mean: Tensor) -> tuple[float, Tensor]:
    """Mix in the constant row s so that the mean probability equals the mean target (research: feasible dual)."""
    excess = -theta_mean  # mean probability − mean target
    mix = float((excess.clamp(min=0) / (y_mean + excess).clamp(min=1e-300)).max())
    if mix <= 0:
        return 0.0, y_mean
    mix = min(1.0, mix * (1 + 1e-12))
    return mix, (y_mean - (1 - mix) / mix * excess).clamp(min=0)
