"""The quadratic model in Gram space and its minimisation under the penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.penalties import Penalty

__all__ = ["Effort", "Model", "minimise", "model_width", "through"]

WIDEST = 64  # outputs up to which coordinate descent keeps rows in vector registers


@dataclass(frozen=True)
class Effort:
    """How hard an inner solve tries: sweeps, and the size of the last change relative to the first."""

    sweeps: int = 10
    tol: float = 0.05


@dataclass(frozen=True, eq=False)
class Model:
    """⟨−slope, Δ⟩ + ½⟨Δ, B Δ⟩ with B = G ⊗ S − Σᵣ Lᵣ⟨Rᵣ, ·⟩, over ``features`` (a,).

    ``gram`` (a, a); ``slope`` (a, k); ``S`` (width, width) and ``left``, ``right`` (m, a, width), padded to
    `model_width`; beyond `WIDEST` outputs S may be a diagonal (width,).
    """

    gram: Tensor
    S: Tensor
    left: Tensor
    right: Tensor
    slope: Tensor
    features: Tensor


def model_width(outputs: int, device: torch.device) -> int:
    """Columns that the model's arrays need: whole vector registers where coordinate descent is compiled.

    A power of two: the compiler pads vectors of any other width in memory, so that rows would overlap their neighbours.
    """
    if device.type != "cpu" or outputs > WIDEST:
        return outputs
    return max(8, 1 << (outputs - 1).bit_length())


def through(values: Tensor, S: Tensor) -> Tensor:
    """(…, width) values·S for S (width, width), or for its diagonal (width,)."""
    return values * S if S.ndim == 1 else values @ S


def minimise(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """Weights (a, k) that nearly minimise model + penalty, from ``start`` (a, k)."""
    if model.S.shape[0] > start.shape[1] or (start.device.type == "cpu" and start.shape[1] <= WIDEST):
        return _descend(model, start, penalty, lambda_, effort)
    return _accelerate(model, start, penalty, lambda_, effort)


def _descend(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    from clearhead.glm.kernels.descent import BLOCK, entry_descent, row_blocks, row_descent

    a, k = start.shape
    width, bits = model.S.shape[0], 8 * start.element_size()
    blocks = torch.zeros(a, width, width, dtype=start.dtype)
    diagonal = model.gram.diagonal().contiguous()
    pairs = [pad(t, (0, 0, 0, 0, 0, -len(t) % 4)) for t in (model.left, model.right)]
    left, right = (t.transpose(0, 1).contiguous().numpy() for t in pairs)
    row_blocks(bits, width)(diagonal.numpy(), model.S.numpy(), left, right, blocks.numpy(), k)
    curvature = blocks.diagonal(dim1=1, dim2=2).maximum(1e-3 * diagonal[:, None] * model.S.diagonal())
    if penalty.grouped:
        curvature = blocks.abs().sum(2).amax(1, keepdim=True).maximum(curvature).expand(a, width)
    factors = penalty.weights(len(model.features), start, model.features)[:, :1]
    finite = torch.isfinite(factors)
    level = lambda_ * torch.where(finite, factors, torch.zeros_like(factors))
    bound = level * penalty.l1_ratio
    low = torch.full_like(bound, -torch.inf) if penalty.nonnegative else -bound
    inverse = 1 / (curvature + level * (1 - penalty.l1_ratio))
    inverse[:, k:] = 0
    W = pad(start, (0, width - k)).contiguous() if width > k else start.clone()
    groups = -(-left.shape[1] // width)
    terms = pad(model.right[:, :, :k], (0, -k % 4, 0, 0, 0, groups * width - len(model.right)))
    terms = terms.view(groups, width, a, -1).permute(2, 0, 3, 1)
    kernel = (row_descent if penalty.grouped else entry_descent)(bits, width)
    scratch = np.zeros((3 + 2 * BLOCK + groups, width), W.numpy().dtype)
    kernel(
        model.gram.numpy(),
        (-model.S).numpy(),
        model.slope.T.clone(memory_format=torch.contiguous_format).numpy(),
        W.numpy(),
        blocks.triu_(1).numpy(),
        curvature.contiguous().numpy(),
        inverse.contiguous().numpy(),
        torch.cat([low, bound], 1).numpy(),
        left,
        terms.contiguous().numpy(),
        (finite[:, 0] & (diagonal > 0)).numpy(),
        scratch,
        k,
        effort.sweeps,
        effort.tol,
    )
    return W[:, :k]


def _accelerate(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """FISTA with restart on the model: matrix products only, for many outputs and for GPUs."""
    step = 1.0 / max(1.01 * _largest_curvature(model), 1e-30)
    W, previous, momentum = start, start, 1.0
    first = 0.0
    for _ in range(10 * effort.sweeps):
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        Y = W + (momentum - 1) / following * (W - previous)
        slope = model.slope - _apply(model, Y - start)
        new = penalty.prox(Y + step * slope, step, lambda_, model.features)
        uphill = float(((Y - new) * (new - W)).sum()) > 0
        previous, W, momentum = W, new, 1.0 if uphill else following
        change = float((W - previous).abs().max())
        first = max(first, change)
        if change <= 0.1 * effort.tol * first:
            break
    return W


def _largest_curvature(model: Model) -> float:
    """An upper bound of the model's eigenvalues: those of G ⊗ S, and what the secant pairs add at most."""
    spread = model.S.max() if model.S.ndim == 1 else torch.linalg.matrix_norm(model.S, 2)
    added = torch.linalg.eigvals(-(model.right.flatten(1) @ model.left.flatten(1).T).double().cpu()).real.max()
    return float(torch.linalg.matrix_norm(model.gram, 2) * spread) + max(float(added), 0.0)


def _apply(model: Model, delta: Tensor) -> Tensor:
    weights = model.right.flatten(1) @ delta.flatten()
    return through(model.gram @ delta, model.S) - (weights @ model.left.flatten(1)).view_as(delta)
