"""The quadratic model in Gram space and its minimisation under the penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.penalties import Penalty

__all__ = ["Effort", "Model", "minimise"]

WIDEST = 64  # outputs up to which coordinate descent keeps rows in vector registers


@dataclass(frozen=True)
class Effort:
    """How hard an inner solve tries: sweeps, and the size of the last change relative to the first."""

    sweeps: int = 10
    tol: float = 0.05


@dataclass(frozen=True, eq=False)
class Model:
    """⟨−slope, Δ⟩ + ½⟨Δ, B Δ⟩ with B = G ⊗ S − Σᵣ Lᵣ⟨Rᵣ, ·⟩, over ``features`` (a,).

    ``gram`` (a, a); ``S`` (k, k); ``left``, ``right`` (a, m, k); ``slope`` (a, k).
    """

    gram: Tensor
    S: Tensor
    left: Tensor
    right: Tensor
    slope: Tensor
    features: Tensor


def minimise(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """Weights (a, k) that nearly minimise model + penalty, from ``start`` (a, k)."""
    if start.device.type == "cpu" and start.shape[1] <= WIDEST:
        return _descend(model, start, penalty, lambda_, effort)
    return _accelerate(model, start, penalty, lambda_, effort)


def _descend(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    from clearhead.glm.kernels.descent import entry_descent, row_descent

    a, k = start.shape
    width = -(-k // 8) * 8
    left, right, S = _padded(model.left, width), _padded(model.right, width), _padded(_padded(model.S, width).T, width)
    blocks = torch.einsum("a,ce->ace", model.gram.diagonal(), S) - torch.einsum("arc,are->ace", left, right)
    floor = 1e-3 * model.gram.diagonal()[:, None] * S.diagonal()
    blocks.diagonal(dim1=1, dim2=2).copy_(torch.maximum(blocks.diagonal(dim1=1, dim2=2), floor))
    if penalty.grouped:
        blocks[:, 0, 0] = blocks.abs().sum(2).amax(1)
    factors = penalty.weights(len(model.features), start, model.features)[:, 0]
    finite = torch.isfinite(factors)
    level = lambda_ * torch.where(finite, factors, torch.zeros_like(factors))
    W = _padded(start, width).clone()
    bits = 8 * start.element_size()
    kernel = (row_descent if penalty.grouped else entry_descent)(bits, width)
    scratch = np.zeros((3 + -(-left.shape[1] // width), width), W.numpy().dtype)
    kernel(
        model.gram.numpy(),
        (-S).contiguous().numpy(),
        _padded(model.slope, width).clone().numpy(),
        W.numpy(),
        blocks.contiguous().numpy(),
        left.contiguous().numpy(),
        right.contiguous().numpy(),
        (level * penalty.l1_ratio).numpy(),
        (level * (1 - penalty.l1_ratio)).numpy(),
        (finite & (model.gram.diagonal() > 0)).numpy(),
        scratch,
        penalty.nonnegative,
        k,
        effort.sweeps,
        effort.tol,
    )
    return W[:, :k]


def _padded(values: Tensor, width: int) -> Tensor:
    return pad(values, (0, width - values.shape[-1])).contiguous()


def _accelerate(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """FISTA with restart on the model: matrix products only, for many outputs and for GPUs."""
    bound = float(torch.linalg.matrix_norm(model.gram, 2) * torch.linalg.matrix_norm(model.S, 2)) * 1.01
    step = 1.0 / max(bound, 1e-30)
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


def _apply(model: Model, delta: Tensor) -> Tensor:
    weights = torch.einsum("arc,ac->r", model.right, delta)
    return model.gram @ delta @ model.S - torch.einsum("arc,r->ac", model.left, weights)
