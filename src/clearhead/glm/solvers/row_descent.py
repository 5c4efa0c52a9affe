"""Minimise the Gram-space model ⟨g, Δ⟩ + ½ tr(S Δᵀ G Δ) + penalty(W + Δ) by coordinate descent over rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty

__all__ = ["minimise_model"]


def minimise_model(
    gram: Tensor, S: Tensor, slope: Tensor, W: Tensor, penalty: Penalty, lambda_: float, features: Tensor
) -> Tensor:
    """The minimising weights (a, k) over the listed features, from ``W`` and −gradient ``slope`` (a, k)."""
    factors = np.ones(len(W)) if penalty.factors is None else np.asarray(penalty.factors)[features.cpu().numpy()]
    dtype = W.cpu().numpy().dtype
    levels = (lambda_ * np.where(np.isfinite(factors), factors, 0.0)).astype(dtype)
    out = W.cpu().numpy().copy()
    kernel = _kernel(penalty.grouped)
    kernel(
        gram.cpu().numpy(),
        S.to(W).cpu().numpy(),
        slope.cpu().numpy().copy(),
        out,
        levels * dtype.type(penalty.l1_ratio),
        levels * dtype.type(1 - penalty.l1_ratio),
        np.isfinite(factors),
        penalty.nonnegative,
        200,
        dtype.type(1e-3),
    )
    return torch.from_numpy(out).to(W.device)


@cache
def _kernel(grouped: bool) -> Callable[..., None]:
    import numba

    kernel: Callable[..., None] = numba.njit(nogil=True, fastmath=False)(_rows_at_once if grouped else _entries)
    return kernel


def _entries(
    G: Any, S: Any, slope: Any, W: Any, l1: Any, l2: Any, allowed: Any, nonnegative: bool, sweeps: int, tol: Any
) -> None:
    """Gauss-Seidel over the entries of each row; ``slope`` is kept up to date as −gradient of the model."""
    a, k = W.shape
    change = np.zeros(k, W.dtype)
    first = W.dtype.type(0.0)
    active = np.ones(a, np.bool_)
    full = True
    for sweep in range(sweeps):
        largest = W.dtype.type(0.0)
        for j in range(a):
            if not allowed[j] or G[j, j] <= 0 or not (full or active[j]):
                continue
            moved = False
            for c in range(k):
                h = G[j, j] * S[c, c]
                m = slope[j, c]
                for e in range(k):
                    m -= G[j, j] * S[e, c] * change[e]
                pull = h * W[j, c] + m
                if pull > l1[j]:
                    new = (pull - l1[j]) / (h + l2[j])
                elif pull < -l1[j] and not nonnegative:
                    new = (pull + l1[j]) / (h + l2[j])
                else:
                    new = W.dtype.type(0.0)
                if h <= 0:
                    new = W[j, c]
                change[c] = new - W[j, c]
                if change[c] != 0:
                    moved = True
                    largest = max(largest, h * change[c] * change[c])
                W[j, c] = new
            active[j] = False
            for c in range(k):
                active[j] = active[j] or W[j, c] != 0
            if moved:
                for c in range(k):
                    step = W.dtype.type(0.0)
                    for e in range(k):
                        step += S[e, c] * change[e]
                    for i in range(a):
                        slope[i, c] -= G[i, j] * step
                for c in range(k):
                    change[c] = 0
        first = max(first, largest)
        if largest <= tol * tol * first:
            if full:
                break
            full = True
        else:
            full = sweep % 10 == 9


def _rows_at_once(
    G: Any, S: Any, slope: Any, W: Any, l1: Any, l2: Any, allowed: Any, nonnegative: bool, sweeps: int, tol: Any
) -> None:
    """Block descent over rows with the scalar bound G_jj·λmax(S) of each block's curvature (Gershgorin)."""
    a, k = W.shape
    bound = W.dtype.type(0.0)
    for c in range(k):
        total = W.dtype.type(0.0)
        for e in range(k):
            total += abs(S[c, e])
        bound = max(bound, total)
    pull = np.zeros(k, W.dtype)
    change = np.zeros(k, W.dtype)
    first = W.dtype.type(0.0)
    for _sweep in range(sweeps):
        largest = W.dtype.type(0.0)
        for j in range(a):
            h = G[j, j] * bound
            if not allowed[j] or h <= 0:
                continue
            norm = W.dtype.type(0.0)
            for c in range(k):
                pull[c] = h * W[j, c] + slope[j, c]
                if nonnegative and pull[c] < 0:
                    pull[c] = 0
                norm += pull[c] * pull[c]
            norm = np.sqrt(norm)
            shrink = (W.dtype.type(1.0) - l1[j] / norm) / (h + l2[j]) if norm > l1[j] else W.dtype.type(0.0)
            moved = False
            for c in range(k):
                new = pull[c] * shrink
                change[c] = new - W[j, c]
                moved = moved or change[c] != 0
                largest = max(largest, h * change[c] * change[c])
                W[j, c] = new
            if moved:
                for c in range(k):
                    step = W.dtype.type(0.0)
                    for e in range(k):
                        step += S[e, c] * change[e]
                    for i in range(a):
                        slope[i, c] -= G[i, j] * step
        first = max(first, largest)
        if largest <= tol * tol * first:
            break
