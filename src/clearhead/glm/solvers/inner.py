"""Minimisation of the quadratic model under the penalty."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.accelerated import accelerate
from clearhead.glm.solvers.model import Effort, Model, accelerated, levels
from clearhead.glm.solvers.single import minimise_single

__all__ = ["minimise"]

ROWS = 64  # visited between two matrix products where outputs are many


def minimise(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """Weights (a, k) that nearly minimise model + penalty, from ``start`` (a, k)."""
    if accelerated(start.device):
        return accelerate(model, start, penalty, lambda_, effort)
    k = start.shape[1]
    if k == 1 or (model.exact and not penalty.grouped):
        return torch.stack([minimise_single(model, start, penalty, lambda_, effort, c) for c in range(k)], 1)
    return (_descend if model.S.ndim == 2 else _descend_blocks)(model, start, penalty, lambda_, effort)


def _descend(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    from clearhead.glm.kernels.descent import BLOCK, entry_descent, row_blocks, row_descent

    (a, k), m = start.shape, len(model.left)
    width, bits = model.S.shape[0], 8 * start.element_size()
    groups = -(-m // width)
    shapes = ((a, m + -m % 4, width), (a, groups, k + -k % 4, width), (a, width, width), (a, width))
    left, right, blocks, curvature = (torch.zeros(shape, dtype=start.dtype) for shape in shapes)
    diagonal = model.gram.diagonal().contiguous()
    given = (t.contiguous().numpy() for t in (diagonal, model.S, model.left, model.right))
    row_blocks(bits, width)(*given, *(t.numpy() for t in (left, right, blocks, curvature)), k, penalty.grouped)
    curvature = curvature.maximum(1e-3 * diagonal[:, None] * model.S.diagonal())
    if penalty.grouped:
        curvature = curvature.amax(1, keepdim=True).expand(a, width).contiguous()
    bounds, ridge, finite = levels(model, start, penalty, lambda_)
    inverse = 1 / (curvature + ridge)
    inverse[:, k:] = 0
    W = pad(start, (0, width - k)).contiguous() if width > k else start.clone()
    kernel = (row_descent if penalty.grouped else entry_descent)(bits, width)
    scratch = np.zeros((3 + 2 * BLOCK + groups, width), W.numpy().dtype)
    kernel(
        model.gram.numpy(),
        (-model.S).numpy(),
        model.slope.T.clone(memory_format=torch.contiguous_format).numpy(),
        W.numpy(),
        blocks.numpy(),
        curvature.numpy(),
        inverse.contiguous().numpy(),
        bounds.numpy(),
        left.numpy(),
        right.numpy(),
        (finite[:, 0] & (diagonal > 0)).numpy(),
        scratch,
        k,
        effort.sweeps,
        effort.tol,
    )
    return W[:, :k]


def _descend_blocks(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """Coordinate descent by blocks of rows: inside a block each change is felt at once, the rest of the slopes follow
    when it is done, as one matrix product."""
    from clearhead.glm.kernels.wide_descent import block_descent

    (a, k), kernel = start.shape, block_descent()
    diagonal = model.gram.diagonal()[:, None]
    coupled = -(model.left * model.right).sum(0)
    curvature = (diagonal * model.S + coupled).maximum(1e-3 * diagonal * model.S) + coupled.clamp(min=0)
    if penalty.grouped:
        bound = (model.left.norm(dim=2) * model.right.norm(dim=2)).sum(0)[:, None]
        curvature = (diagonal * model.S.max() + bound).expand(a, k).contiguous()
    bounds, ridge, finite = levels(model, start, penalty, lambda_)
    inverse, allowed = 1 / (curvature + ridge), (finite & (diagonal > 0))[:, 0]
    W, slope = start.clone(memory_format=torch.contiguous_format), model.slope.clone()
    near, steps, change = (torch.empty(shape).to(W) for shape in ((ROWS, k), (ROWS, k), (k,)))
    share, peak, first = W.new_zeros(len(model.left)), W.new_zeros(1), 0.0
    visited, active = allowed.clone(), allowed.clone()
    arguments = [
        model.gram, model.S, near, slope, W, curvature, inverse, bounds, model.left, model.right, share, visited,
        active, steps, change, peak,
    ]  # fmt: skip
    arrays = [t.contiguous().numpy() for t in arguments]
    full = True
    for sweep in range(effort.sweeps):
        peak.zero_()
        visited.copy_(allowed if full else allowed & active)
        for j in range(0, a, ROWS):
            stop = min(j + ROWS, a)
            if kernel(j, stop, *arrays, penalty.grouped):
                slope.addmm_(model.gram[j:stop].T, steps[: stop - j], alpha=-1)
        first = max(first, float(peak))
        if float(peak) <= effort.tol**2 * first:
            if full:
                break
            full = True
        else:
            full = sweep % 8 == 7
    return W
