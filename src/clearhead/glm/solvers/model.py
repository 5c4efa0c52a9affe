"""The quadratic model in Gram space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.penalties import Penalty
from clearhead.glm.products import padded, product

__all__ = ["Effort", "Model", "accelerated", "levels", "model_width", "through"]


@dataclass(frozen=True)
class Effort:
    """How hard an inner solve tries: sweeps, the size of the last change relative to the first, and the share of the
    squared residual that may be left: what rows know beyond it, a step cannot use."""

    sweeps: int = 10
    tol: float = 0.05
    left: float = 0.05


@dataclass(frozen=True, eq=False)
class Model:
    """⟨−slope, Δ⟩ + ½⟨dΔ, B dΔ⟩ with B = G ⊗ S − Σᵣ Lᵣ⟨Rᵣ, ·⟩, over ``features`` (a,), for the ``scale`` d.

    ``gram`` (a, a) and its largest eigenvalue ``norm``, where `accelerated`; ``slope`` (a, k); ``S`` (width, width) and
    ``left``, ``right`` (m, a, width), padded to `model_width`; beyond `FULL_CURVATURE` outputs S is a diagonal.
    ``scale`` (a, width), or None for ones. ``exact``: the loss is this quadratic, S a multiple of the identity and
    nothing to correct, so outputs are apart.
    """

    gram: Tensor
    S: Tensor
    left: Tensor
    right: Tensor
    slope: Tensor
    features: Tensor
    norm: float = 0.0
    exact: bool = False
    scale: Tensor | None = None

    def bent(self, delta: Tensor) -> Tensor:
        """(a, width) B·Δ for Δ (a, width), whose columns beyond the outputs are zero."""
        moved = self.turned(delta)
        shares = self.right.flatten(1) @ delta.flatten()
        return moved.sub_((shares @ self.left.flatten(1)).view_as(delta))

    @property
    def diagonal(self) -> Tensor:
        """(a, width) that of G ⊗ S."""
        return self.gram.diagonal()[:, None] * (self.S if self.S.ndim == 1 else self.S.diagonal())

    def turned(self, delta: Tensor) -> Tensor:
        """(a, width) G·Δ·S, which is B·Δ without what secant pairs know."""
        return through(padded(product(self.gram, delta[:, : self.slope.shape[1]]), delta.shape[1]), self.S)


def accelerated(device: torch.device) -> bool:
    """Whether `minimise` takes gradient steps, whose length needs the Gram matrix's largest eigenvalue."""
    return device.type != "cpu"


def model_width(outputs: int, device: torch.device) -> int:
    """Columns that the model's arrays need: whole vector registers where coordinate descent is compiled.

    A power of two: the compiler pads vectors of any other width in memory, so that rows would overlap their neighbours.
    """
    if device.type != "cpu" or outputs == 1 or outputs > FULL_CURVATURE:
        return outputs
    return max(8, 1 << (outputs - 1).bit_length())


def through(values: Tensor, S: Tensor) -> Tensor:
    """(…, width) values·S for S (width, width), or for its diagonal (width,)."""
    return values * S if S.ndim == 1 else values @ S


def levels(model: Model, start: Tensor, penalty: Penalty, lambda_: float) -> tuple[Tensor, Tensor, Tensor]:
    """(a, 2, ·) bounds of the pull within which a weight is zero, (a, ·) the ridge, and (a, 1) which features may be
    used at all; with as many columns as the model's ``scale``, or one."""
    factors = penalty.weights(len(model.features), start, model.features)[:, :1]
    finite = torch.isfinite(factors)
    level = lambda_ * torch.where(finite, factors, torch.zeros_like(factors))
    high, ridge = level * penalty.l1_ratio, level * (1 - penalty.l1_ratio)
    if model.scale is not None:
        high, ridge = high / model.scale, ridge / model.scale.square()
    low = torch.full_like(high, -torch.inf) if penalty.nonnegative else -high
    return torch.stack([low, high], 1), ridge, finite
