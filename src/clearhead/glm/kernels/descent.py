"""Coordinate descent on a Gram-space quadratic model with a low-rank correction, rows of outputs in vector registers.

Rows are visited in blocks: inside a block, whose slopes are copied out row by row, each change is felt at once; the
rest of the slopes follow when the block is done, as one matrix product. The iterates are those of cyclic descent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import axpy, correct, rank_one
from clearhead.glm.kernels.products import outer_rows

__all__ = ["entry_descent", "row_blocks", "row_descent"]

BLOCK = 32


@cache
def entry_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on entries, for rows padded to ``width`` outputs.

    Arguments: G (a, a); minus = −S (width, width); slope (k, a), −gradient of the model, kept up to date;
    W (a, width); K (a, width, width), the model's Hessian block of each row; L (a, m, width) and R (a, m / width, k,
    width) with m rounded up, the correction −Σᵣ Lᵣ⟨Rᵣ, Δ⟩; l1, l2 (a,); allowed (a,); ``scratch`` of zeros:
    2 + 2·BLOCK rows of ``width``, then m numbers;
    nonnegative; k; largest number of sweeps; tolerance relative to the first sweep. Returns the rows visited.
    """

    def visit(row: Any, change: Any, W: Any, K: Any, j: int, l1: Any, l2: Any, nonnegative: bool, k: int) -> float:
        """Minimise over the entries of row j one after the other; the largest decrease of the model, 0 if none."""
        line = bits // 8 * width
        block_at = K.ctypes.data + j * width * line
        largest = 0.0
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
            if d != 0:
                largest = max(largest, h * d * d)
                W[j, c] = new
                axpy(bits, width, change.ctypes.data, c, block_at, row.ctypes.data)
        return largest

    return _sweeper(bits, width, compiled(visit))


@cache
def row_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on rows: the same arguments; each row uses the scalar bound ``K[j, 0, 0]``."""

    def visit(row: Any, change: Any, W: Any, K: Any, j: int, l1: Any, l2: Any, nonnegative: bool, k: int) -> float:
        h = K[j, 0, 0]
        norm = 0.0
        for c in range(k):
            row[c] += h * W[j, c]
            if nonnegative and row[c] < 0:
                row[c] = 0
            norm += row[c] * row[c]
        norm = norm**0.5
        shrink = row[0] * 0
        if norm > l1[j]:
            shrink += (1.0 - l1[j] / norm) / (h + l2[j])
        largest = 0.0
        for c in range(k):
            new = row[c] * shrink
            change[c] = new - W[j, c]
            largest = max(largest, h * change[c] * change[c])
            W[j, c] = new
        return largest

    return _sweeper(bits, width, compiled(visit))


def _sweeper(bits: int, width: int, visit: Callable[..., float]) -> Callable[..., int]:
    """Cyclic sweeps over rows that ``visit`` minimises one by one."""
    outer = outer_rows(bits)

    def descend(
        G: Any, minus: Any, slope: Any, W: Any, K: Any, L: Any, R: Any, l1: Any, l2: Any, allowed: Any, scratch: Any,
        nonnegative: bool, k: int, sweeps: int, tol: float,
    ) -> int:  # fmt: skip
        a, m = W.shape[0], L.shape[1]
        size, line = bits // 8, bits // 8 * width
        row, change, steps, near = scratch[0], scratch[1], scratch[2 : 2 + BLOCK], scratch[2 + BLOCK : 2 + 2 * BLOCK]
        row_at, change_at, steps_at, near_at = (
            scratch.ctypes.data,
            change.ctypes.data,
            steps.ctypes.data,
            near.ctypes.data,
        )
        v_at = row_at + (2 + 2 * BLOCK) * line
        gram_at, minus_at, slope_at = G.ctypes.data, minus.ctypes.data, slope.ctypes.data
        left_at, right_at = L.ctypes.data, R.ctypes.data
        active = allowed.copy()
        full, visited, first = True, 0, 0.0
        for sweep in range(sweeps):
            largest = 0.0
            for start in range(0, a, BLOCK):
                stop = min(start + BLOCK, a)
                touched = False
                for c in range(k):
                    for j in range(start, stop):
                        near[j - start, c] = slope[c, j]
                for j in range(start, stop):
                    for e in range(width):
                        steps[j - start, e] = 0
                    if not allowed[j] or not (full or active[j]):
                        continue
                    visited += 1
                    correct(bits, width, near_at + (j - start) * line, left_at + j * m * line, v_at, m, row_at)
                    decrease = visit(row, change, W, K, j, l1, l2, nonnegative, k)
                    used = False
                    for c in range(k):
                        used = used or W[j, c] != 0
                    active[j] = used
                    if decrease == 0:
                        continue
                    largest, touched = max(largest, decrease), True
                    for q in range(R.shape[1]):
                        terms_at = right_at + (j * R.shape[1] + q) * k * line
                        correct(bits, width, v_at + q * line, terms_at, change_at, k, v_at + q * line)
                    step_at = steps_at + (j - start) * line
                    correct(bits, width, step_at, minus_at, change_at, k, step_at)
                    # Rows of this block that come now; all others, and the block itself, from the product below.
                    if j + 1 < stop:
                        place = gram_at + (j * a + j + 1) * size
                        rank_one(bits, width, place, step_at, near_at + (j + 1 - start) * line, stop - j - 1)
                if touched:
                    outer(gram_at + start * a * size, a, steps_at, width, k, a, slope_at, a, stop - start)
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
def row_blocks(bits: int, width: int) -> Callable[..., None]:
    """K (a, width, width) = diagonal[j]·S − Σᵣ L[j, r]ᵀ R[j, r] for L, R (a, m, width)."""

    def fill(diagonal: Any, S: Any, L: Any, R: Any, K: Any, k: int) -> None:
        a, m = L.shape[0], L.shape[1]
        line = bits // 8 * width
        for j in range(a):
            for c in range(k):
                for e in range(width):
                    K[j, c, e] = diagonal[j] * S[c, e]
            for r in range(m):
                place = (j * m + r) * line
                for c in range(k):
                    axpy(bits, width, L.ctypes.data + place + c * (bits // 8), 0, R.ctypes.data + place,
                         K.ctypes.data + (j * width + c) * line)  # fmt: skip

    return compiled(fill)
