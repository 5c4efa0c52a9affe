"""What one pass over cached logits yields: loss, residual and, for few outputs, mean curvature; compiled on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.products import VECTOR_OUTPUTS
from clearhead.glm.targets import Labels, numbers_or_rows

__all__ = ["FULL_CURVATURE", "Fit", "evaluate"]

# Outputs beyond which the curvature's diagonal must do: k × k matrices come to cost more than all else, and steps by
# the diagonal are as many (decision 0104).
FULL_CURVATURE = 64
ROWS = 8192  # whose curvature is summed at once


@dataclass(frozen=True, eq=False)
class Fit:
    """Weighted sums (or means) over rows in float64, and the residual.

    ``loss``; ``theta_mean`` (k,) of the residual; ``curvature`` of ∂²ℓ/∂z²: (k, k), or its diagonal (k,) beyond
    `FULL_CURVATURE` outputs; ``theta`` −∂ℓ/∂z in the form of `row_arrays`, here a padded (n, width) tensor.
    """

    loss: float
    theta_mean: Tensor
    curvature: Tensor
    theta: Any

    def packed(self) -> Tensor:
        """The sums as one vector, to add over ranks."""
        return torch.cat([self.theta_mean.new_tensor([self.loss]), self.theta_mean, self.curvature.flatten()])

    @classmethod
    def unpacked(cls, sums: Tensor, theta: Any, k: int) -> Fit:
        curvature = sums[1 + k :]
        curvature = curvature if len(curvature) == k > 1 else curvature.view(k, k)
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
    return Fit(
        float(weight.double() @ loss.rows(Z, targets).double()),
        weight.double() @ residual.double(),
        (loss.mean_curvature if k <= FULL_CURVATURE else loss.mean_diagonal)(
            residual, targets, weight[:, None]
        ).double(),
        pad(residual, (0, logits.shape[1] - k)),
    )


def _summed_curvature(loss: Loss, theta: Tensor, Y: Tensor | Labels, weight: Tensor) -> Tensor:
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
    sums = softmax_pass(logits, b, numbers_or_rows(Y), weight, k, theta)
    return Fit(sums.loss, target_sum - sums.probability, sums.curvature, theta)


def _wide(loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor) -> Fit:
    from clearhead.glm.kernels.wide_softmax import wide_softmax_pass

    theta, k = torch.empty_like(logits), len(target_sum)
    sums = wide_softmax_pass(logits, b, numbers_or_rows(Y), weight, theta)
    full = k <= FULL_CURVATURE
    curvature = _summed_curvature(loss, theta, Y, weight) if full else sums.probability - sums.squares
    return Fit(sums.loss, target_sum - sums.probability, curvature, theta)
