"""What one pass over cached logits yields: loss, residual and mean curvature, compiled where that applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.losses import Loss, Multinomial

__all__ = ["FULL_CURVATURE", "Fit", "evaluate"]

FULL_CURVATURE = 2048  # outputs; beyond, a k × k matrix costs more than the product Z·W, in time and memory


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
        return cls(
            float(sums[0]), sums[1 : 1 + k], curvature if len(curvature) == k > 1 else curvature.view(k, k), theta
        )


def evaluate(loss: Loss, logits: Tensor, b: Tensor, Y: Tensor, weight: Tensor, target_sum: Tensor) -> Fit:
    """Sums over this rank's rows at padded ``logits`` (n, width) + b (k,) for padded targets ``Y``, whose weighted
    sum is ``target_sum`` (k,)."""
    k = len(target_sum)
    if isinstance(loss, Multinomial) and logits.shape[1] in (8, 16) and logits.device.type == "cpu":
        return _compiled(logits, b, Y, weight, target_sum)
    Z = logits[:, :k] + b.to(logits)
    targets, column = Y[:, :k], weight[:, None]
    residual = loss.residual(Z, targets)
    return Fit(
        float(weight.double() @ loss.rows(Z, targets).double()),
        weight.double() @ residual.double(),
        (loss.mean_curvature if k <= FULL_CURVATURE else loss.mean_diagonal)(residual, targets, column).double(),
        pad(residual, (0, logits.shape[1] - k)),
    )


def _compiled(logits: Tensor, b: Tensor, Y: Tensor, weight: Tensor, target_sum: Tensor) -> Fit:
    from clearhead.glm.kernels.softmax import softmax_pass

    theta = torch.empty_like(logits)
    sums = softmax_pass(logits, b, Y, weight, len(target_sum), theta)
    return Fit(sums.loss, target_sum - sums.probability, sums.curvature, theta)
