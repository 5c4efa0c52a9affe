"""What one pass over cached logits yields: loss, residual and, for few outputs, mean curvature; compiled on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.products import VECTOR_OUTPUTS, padded
from clearhead.glm.targets import Labels, numbers_or_rows

if TYPE_CHECKING:
    from clearhead.glm.kernels.wide_softmax import WideSums

__all__ = ["FULL_CURVATURE", "Fit", "evaluate"]

# Outputs beyond which the curvature's diagonal must do: k × k matrices come to cost more than all else, and steps by
# the diagonal are as many (decision 0104).
FULL_CURVATURE = 64
ROWS = 8192  # whose curvature is summed at once
TALL = 1 << 19  # likewise on a GPU


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

    def averaged(self, total: float) -> Fit:
        """Sums of this rank's rows to means over the ``total`` of all ranks."""
        if distributed.world_size() > 1:
            sums = distributed.all_reduce(self.packed()) / total
            return Fit.unpacked(sums, self.theta, len(self.theta_mean))
        return Fit(self.loss / total, self.theta_mean / total, self.curvature / total, self.theta)

    @classmethod
    def unpacked(cls, sums: Tensor, theta: Any, k: int) -> Fit:
        curvature = sums[1 + k :]
        curvature = curvature if len(curvature) == k > 1 else curvature.view(k, k)
        return cls(float(sums[0]), sums[1 : 1 + k], curvature, theta)


def evaluate(
    loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor,
    into: Tensor | None = None,
) -> Fit:  # fmt: skip
    """Sums over this rank's rows at padded ``logits`` (n, width) + b (k,) for padded targets ``Y``, whose weighted
    sum is ``target_sum`` (k,). Residuals of many outputs are written ``into`` (n, width) if it is given."""
    k = len(target_sum)
    if isinstance(loss, Multinomial):
        if logits.device.type == "cpu" and k <= VECTOR_OUTPUTS:
            return _narrow(logits, b, Y, weight, target_sum)
        if (softmax := _softmax_pass(logits, k)) is not None:
            theta = into if into is not None else torch.empty_like(logits, memory_format=torch.contiguous_format)
            return _wide(softmax, loss, logits, b, Y, weight, target_sum, theta)
    Z = logits[:, :k] + b.to(logits)
    targets = _written(Y, slice(None), logits)[:, :k]
    residual = loss.residual(Z, targets)
    return Fit(
        float(weight.double() @ loss.rows(Z, targets).double()),
        weight.double() @ residual.double(),
        (loss.mean_curvature if k <= FULL_CURVATURE else loss.mean_diagonal)(
            residual, targets, weight[:, None]
        ).double(),
        padded(residual, logits.shape[1]),
    )


def _summed_curvature(loss: Loss, theta: Tensor, Y: Tensor | Labels, weight: Tensor) -> Tensor:
    """(k, k) float64 Σᵢ wᵢ ∂²ℓ/∂z² over this rank's rows where the residual is ``theta`` (n, width)."""
    k = Y.shape[1]
    total = torch.zeros(k, k, dtype=torch.float64, device=theta.device)
    rows = ROWS if theta.device.type == "cpu" else TALL
    for start in range(0, len(theta), rows):
        span = slice(start, start + rows)
        some = _written(Y, span, theta)[:, :k]
        total += loss.mean_curvature(theta[span, :k], some, weight[span, None]).double()
    return total


def _written(Y: Tensor | Labels, span: slice, like: Tensor) -> Tensor:
    """(m, …) targets of some rows."""
    return Y.block(span, Y.k, like.dtype) if isinstance(Y, Labels) else Y[span]


def _softmax_pass(logits: Tensor, k: int) -> Callable[..., WideSums] | None:
    """The compiled pass for logits with any number of outputs, where there is one."""
    if logits.device.type == "cpu":
        from clearhead.glm.kernels.wide_softmax import wide_softmax_pass

        return wide_softmax_pass
    if logits.device.type == "cuda" and logits.dtype is torch.float32 and find_spec("triton") is not None:
        from clearhead.glm.kernels.triton_softmax import MOST, softmax_pass

        return softmax_pass if k <= MOST else None
    return None


def _narrow(logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor) -> Fit:
    from clearhead.glm.kernels.softmax import softmax_pass

    theta, k = torch.empty_like(logits), len(target_sum)
    sums = softmax_pass(logits, b, numbers_or_rows(Y), weight, k, theta)
    return Fit(sums.loss, target_sum - sums.probability, sums.curvature, theta)


def _wide(
    softmax: Callable[..., WideSums],
    loss: Loss, logits: Tensor, b: Tensor, Y: Tensor | Labels, weight: Tensor, target_sum: Tensor, theta: Tensor,
) -> Fit:  # fmt: skip
    k = len(target_sum)
    sums = softmax(logits, b, numbers_or_rows(Y), weight, theta)
    full = k <= FULL_CURVATURE
    curvature = _summed_curvature(loss, theta, Y, weight) if full else sums.probability - sums.squares
    return Fit(sums.loss, target_sum - sums.probability, curvature, theta)
