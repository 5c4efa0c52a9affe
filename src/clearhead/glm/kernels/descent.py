"""Coordinate descent on a Gram-space quadratic model with a low-rank correction, rows of outputs in vector registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import axpy, correct, project, rank_one

__all__ = ["entry_descent", "row_descent"]


@cache
def entry_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on entries, for rows padded to ``width`` outputs.

    Arguments: G (a, a); minus = −S (width, width); slope (a, width), −gradient of the model, kept up to date; W (a, width);
    K (a, width, width), the model's Hessian block of each row; L, R (a, m, width), the correction −Σᵣ Lᵣ⟨Rᵣ, Δ⟩;
    l1, l2 (a,); allowed (a,); nonnegative; k; largest number of sweeps; tolerance relative to the first sweep.
    ``scratch`` holds zeros: three rows of ``width`` and m numbers. Returns how many rows were visited.
    """

    def descend(
        G: Any, minus: Any, slope: Any, W: Any, K: Any, L: Any, R: Any, l1: Any, l2: Any, allowed: Any, scratch: Any,
        nonnegative: bool, k: int, sweeps: int, tol: float,
    ) -> int:  # fmt: skip
        a, m = W.shape[0], L.shape[1]
        row, change, step = scratch[0], scratch[1], scratch[2]
        size, line = bits // 8, bits // 8 * width
        row_at = scratch.ctypes.data
        change_at, step_at, v_at = row_at + line, row_at + 2 * line, row_at + 3 * line
        gram_at, minus_at, slope_at = G.ctypes.data, minus.ctypes.data, slope.ctypes.data
        left_at, right_at, block_at = L.ctypes.data, R.ctypes.data, K.ctypes.data
        active = allowed.copy()
        full, visited, first = True, 0, 0.0
        for sweep in range(sweeps):
            largest = 0.0
            for j in range(a):
                if not allowed[j] or not (full or active[j]):
                    continue
                visited += 1
                correct(bits, width, slope_at + j * line, left_at + j * m * line, v_at, m, row_at)
                moved, used = False, False
                for c in range(k):
                    h = K[j, c, c]
                    pull = h * W[j, c] + row[c]
                    new = W[j, c] * 0
                    if pull > l1[j]:
                        new = (pull - l1[j]) / (h + l2[j])
                    elif pull < -l1[j] and not nonnegative:
                        new = (pull + l1[j]) / (h + l2[j])
                    d = new - W[j, c]
                    change[c] = d
                    used = used or new != 0
                    if d != 0:
                        moved = True
                        largest = max(largest, h * d * d)
                        W[j, c] = new
                        axpy(bits, width, change_at, c, block_at + j * width * line, row_at)
                active[j] = used
                if not moved:
                    continue
                project(bits, width, change_at, right_at + j * m * line, v_at, m)
                for e in range(width):
                    step[e] = 0
                for c in range(k):
                    axpy(bits, width, change_at, c, minus_at, step_at)
                rank_one(bits, width, gram_at + j * a * size, step_at, slope_at, a)
            first = max(first, largest)
            if largest <= tol * tol * first:
                if full:
                    break
                full = True
            else:
                full = sweep % 8 == 7
        return visited

    return compiled(descend)


@cache
def row_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on rows: the same arguments; each row uses the scalar bound ``K[j, 0, 0]``."""

    def descend(
        G: Any, minus: Any, slope: Any, W: Any, K: Any, L: Any, R: Any, l1: Any, l2: Any, allowed: Any, scratch: Any,
        nonnegative: bool, k: int, sweeps: int, tol: float,
    ) -> int:  # fmt: skip
        a, m = W.shape[0], L.shape[1]
        row, change, step = scratch[0], scratch[1], scratch[2]
        size, line = bits // 8, bits // 8 * width
        row_at = scratch.ctypes.data
        change_at, step_at, v_at = row_at + line, row_at + 2 * line, row_at + 3 * line
        gram_at, minus_at, slope_at = G.ctypes.data, minus.ctypes.data, slope.ctypes.data
        left_at, right_at, block_at = L.ctypes.data, R.ctypes.data, K.ctypes.data
        visited, first = 0, 0.0
        for _sweep in range(sweeps):
            largest = 0.0
            for j in range(a):
                if not allowed[j]:
                    continue
                visited += 1
                h = K[j, 0, 0]
                correct(bits, width, slope_at + j * line, left_at + j * m * line, v_at, m, row_at)
                for c in range(k):
                    row[c] += h * W[j, c]
                norm = 0.0
                for c in range(k):
                    if nonnegative and row[c] < 0:
                        row[c] = 0
                    norm += row[c] * row[c]
                norm = norm**0.5
                shrink = row[0] * 0
                if norm > l1[j]:
                    shrink += (1.0 - l1[j] / norm) / (h + l2[j])
                moved = False
                for c in range(k):
                    new = row[c] * shrink
                    change[c] = new - W[j, c]
                    moved = moved or change[c] != 0
                    largest = max(largest, h * change[c] * change[c])
                    W[j, c] = new
                if not moved:
                    continue
                project(bits, width, change_at, right_at + j * m * line, v_at, m)
                for e in range(width):
                    step[e] = 0
                for c in range(k):
                    axpy(bits, width, change_at, c, minus_at, step_at)
                rank_one(bits, width, gram_at + j * a * size, step_at, slope_at, a)
            first = max(first, largest)
            if largest <= tol * tol * first:
                break
        return visited

    return compiled(descend)
