"""What one pass over cached logits yields: loss, residual and, for few outputs, mean curvature; compiled on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.products import VECTOR_OUTPUTS, padded_width
from clearhead.glm.targets import Labels

__all__ = ["EVERY_CURVATURE", "FULL_CURVATURE", "Fit", "evaluate", "summed_curvature"]

EVERY_CURVATURE = 64  # outputs up to which every pass makes the k × k curvature; beyond, it costs more than the rest
FULL_CURVATURE = 2048  # outputs; beyond, a k × k matrix costs more than the product Z·W, in time and memory
ROWS = 8192  # whose curvature is summed at once


@dataclass(frozen=True, eq=False)
class Fit:
    """Weighted sums (or means) over rows in float64, and the residual.

    ``loss``; ``theta_mean`` (k,) of the residual; ``curvature`` of ∂²ℓ/∂z²: (k, k), its diagonal (k,) beyond
    `FULL_CURVATURE` outputs, or None where it is made on request only (`Problem.curvature`); ``theta`` −∂ℓ/∂z in the
    form of `row_arrays`, here a padded (n, width) tensor.
    """

    loss: float
    theta_mean: Tensor
    curvature: Tensor | None
    theta: Any

    def packed(self) -> Tensor:
        """The sums as one vector, to add over ranks."""
        curvature = self.theta_mean[:0] if self.curvature is None else self.curvature.flatten()
        return torch.cat([self.theta_mean.new_tensor([self.loss]), self.theta_mean, curvature])

    @classmethod
    def unpacked(cls, sums: Tensor, theta: Any, k: int) -> Fit:
        left = sums[1 + k :]
        curvature = left.view(k, k) if len(left) == k * k else left if len(left) else None
        return cls(float(sums[0]), sums[1 : 1 + k], curvature, theta)


def evaluate(loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor) -> Fit:
    """Sums over this rank's rows at padded ``logits`` (n, width) + b (k,) for padded targets ``Y``, whose weighted
    sum is ``target_sum`` (k,)."""
    k = len(target_sum)
    if isinstance(loss, Multinomial) and logits.device.type == "cpu":
        return (_wide if k > VECTOR_OUTPUTS else _narrow)(loss, logits, b, Y, weight, target_sum)
    Z = logits[:, :k] + b.to(logits)
    targets = _written(Y, slice(None), logits)[:, :k]
    residual = loss.residual(Z, targets)
    value = float(weight.double() @ loss.rows(Z, targets).double())
    mean, diagonal = weight.double() @ residual.double(), None
    if k > FULL_CURVATURE:
        diagonal = loss.mean_diagonal(residual, targets, weight[:, None]).double()
    elif k <= EVERY_CURVATURE:
        diagonal = loss.mean_curvature(residual, targets, weight[:, None]).double()
    return Fit(value, mean, diagonal, pad(residual, (0, logits.shape[1] - k)))


def summed_curvature(loss: Loss, theta: Tensor, Y: Tensor | Labels, weight: Tensor) -> Tensor:
    """(k, k) float64 Σᵢ wᵢ ∂²ℓ/∂z² over this rank's rows where the residual is ``theta`` (n, width)."""
    k = Y.shape[1]
    total = torch.zeros(k, k, dtype=torch.float64, device=theta.device)
    for start in range(0, len(theta), ROWS):
        span = slice(start, start + ROWS)
        some = _written(Y, span, theta)[:, :k]
        total += loss.mean_curvature(theta[span, :k], some, weight[span, None]).double()
    return total


def _written(Y: Tensor | Labels, span: slice, like: Tensor) -> Tensor:
    """(m, …) targets of some rows."""
    return Y.block(span, Y.k, like.dtype) if isinstance(Y, Labels) else Y[span]


def _narrow(loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor) -> Fit:
    from clearhead.glm.kernels.softmax import softmax_pass

    theta, k = torch.empty_like(logits), len(target_sum)
    targets = Y.block(slice(None), padded_width(k, logits.device), logits.dtype) if isinstance(Y, Labels) else Y
    sums = softmax_pass(logits, b, targets, weight, k, theta)
    return Fit(sums.loss, target_sum - sums.probability, sums.curvature, theta)


def _wide(loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor) -> Fit:
    from clearhead.glm.kernels.wide_softmax import wide_softmax_pass

    theta, k = torch.empty_like(logits), len(target_sum)
    sums = wide_softmax_pass(logits, b, Y.labels if isinstance(Y, Labels) else Y, weight, theta)
    curvature = sums.probability - sums.squares if k > FULL_CURVATURE else None
    if k <= EVERY_CURVATURE:
        curvature = summed_curvature(loss, theta, Y, weight)
    return Fit(sums.loss, target_sum - sums.probability, curvature, theta)
