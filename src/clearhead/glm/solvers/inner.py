"""Minimisation of the quadratic model under the penalty."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.accelerated import accelerate
from clearhead.glm.solvers.model import Effort, Model, accelerated
from clearhead.glm.solvers.single import minimise_single
from clearhead.glm.solvers.subspace import Descent, Rule, refine, refines

__all__ = ["minimise"]

ROWS = 64  # visited between two matrix products where outputs are many


def minimise(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """Weights (a, k) that nearly minimise model + penalty, from ``start`` (a, k)."""
    if accelerated(start.device):
        return accelerate(model, start, penalty, lambda_, effort)
    k = start.shape[1]
    if k == 1 or (model.exact and not penalty.grouped):
        return torch.stack([minimise_single(model, start, penalty, lambda_, effort, c) for c in range(k)], 1)
    scale, given = None if model.scale is None else model.scale[:, :k], start
    if scale is not None:
        model, start = replace(model, slope=model.slope / scale), start * scale
    rule = Rule.of(model, start, penalty, lambda_)
    descent = (_narrow if model.S.ndim == 2 else _wide)(model, rule, penalty.grouped, effort.tol)
    found, slope = descent(start, model.slope, effort.sweeps)
    if refines(penalty):
        found = refine(model, start, found, slope, descent, rule, effort.left)
    found = found[:, :k]
    # Weights that nothing moved come back as they were: x·d/d is not always x.
    return found if scale is None else torch.where(found == start, given, found / scale)


def _narrow(model: Model, rule: Rule, grouped: bool, tol: float) -> Descent:
    """Coordinate descent whose rows fit in vector registers."""
    from clearhead.glm.kernels.descent import BLOCK, entry_descent, row_blocks, row_descent

    (a, k), m, dtype = model.slope.shape, len(model.left), model.slope.dtype
    width, bits = model.S.shape[0], 8 * model.slope.element_size()
    groups = -(-m // width)
    shapes = ((a, m + -m % 4, width), (a, groups, k + -k % 4, width), (a, width, width), (a, width))
    left, right, blocks, curvature = (torch.zeros(shape, dtype=dtype) for shape in shapes)
    diagonal = model.gram.diagonal().contiguous()
    given = (t.contiguous().numpy() for t in (diagonal, model.S, model.left, model.right))
    row_blocks(bits, width)(*given, *(t.numpy() for t in (left, right, blocks, curvature)), k, grouped)
    curvature = curvature.maximum(1e-3 * model.diagonal)
    if grouped:
        curvature = curvature.amax(1, keepdim=True).expand(a, width).contiguous()
    inverse = 1 / (curvature + rule.ridge)
    inverse[:, k:] = 0
    kernel = (row_descent if grouped else entry_descent)(bits, width)
    allowed = (rule.used[:, 0] & (diagonal > 0)).numpy()
    fixed = [t.contiguous().numpy() for t in (blocks, curvature, inverse, rule.bounds.expand(a, 2, width), left, right)]
    gram, minus = model.gram.contiguous().numpy(), (-model.S).numpy()

    def sweep(start: Tensor, slope: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
        W = start.new_zeros(a, width)
        W[:, : start.shape[1]] = start
        slopes = slope[:, :k].T.clone(memory_format=torch.contiguous_format)
        scratch = torch.zeros(3 + 2 * BLOCK + groups, width, dtype=dtype)
        kernel(gram, minus, slopes.numpy(), W.numpy(), *fixed, allowed, scratch.numpy(), k, sweeps, tol)
        remaining = (scratch[-groups:].flatten()[:m] @ model.left.flatten(1)).view(a, width)
        remaining[:, :k] += slopes.T
        return W, remaining

    return sweep


def _wide(model: Model, rule: Rule, grouped: bool, tol: float) -> Descent:
    """Coordinate descent by blocks of rows: inside a block each change is felt at once, the rest of the slopes follow
    when it is done, as one matrix product."""
    from clearhead.glm.kernels.wide_descent import block_descent

    (a, k), kernel = model.slope.shape, block_descent()
    bounds = rule.bounds[:, :, 0]
    diagonal = model.gram.diagonal()[:, None]
    coupled = torch.zeros_like(model.left[0])
    for left, right in zip(model.left, model.right, strict=True):
        coupled.addcmul_(left, right, value=-1)
    curvature = (model.diagonal + coupled).maximum(1e-3 * model.diagonal) + coupled.clamp(min=0)
    if grouped:
        bound = (model.left.norm(dim=2) * model.right.norm(dim=2)).sum(0)[:, None]
        curvature = (diagonal * model.S.max() + bound).expand(a, k)
    inverse, allowed = 1 / (curvature + rule.ridge), (rule.used & (diagonal > 0))[:, 0]

    def sweep(start: Tensor, slope: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
        W, slope = (t.clone(memory_format=torch.contiguous_format) for t in (start, slope))
        near, steps, change = (torch.empty(shape).to(W) for shape in ((ROWS, k), (ROWS, k), (k,)))
        share, peak, first = W.new_zeros(len(model.left)), W.new_zeros(1), 0.0
        visited, active = allowed.clone(), allowed.clone()
        arguments = [
            model.gram, model.S, near, slope, W, curvature, inverse, bounds, model.left, model.right, share,
            visited, active, steps, change, peak,
        ]  # fmt: skip
        arrays = [t.contiguous().numpy() for t in arguments]
        full = True
        for turn in range(sweeps):
            peak.zero_()
            visited.copy_(allowed if full else allowed & active)
            for j in range(0, a, ROWS):
                stop = min(j + ROWS, a)
                if kernel(j, stop, *arrays, grouped):
                    slope.addmm_(model.gram[j:stop].T, steps[: stop - j], alpha=-1)
            first = max(first, float(peak))
            if float(peak) <= tol**2 * first:
                if full:
                    break
                full = True
            else:
                full = turn % 8 == 7
        return W, slope.add_((share @ model.left.flatten(1)).view_as(slope))

    return sweep
