"""Coordinate descent on a Gram-space quadratic model with a low-rank correction, rows of outputs in vector registers.

Rows are visited in blocks: inside a block, whose slopes are copied out row by row, each change is felt at once; the
rest of the slopes follow when the block is done, as one matrix product. The iterates are those of cyclic descent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.product_rows import outer_rows
from clearhead.glm.kernels.row_steps import axpy, correct, rank_one, visit_entries

__all__ = ["entry_descent", "row_blocks", "row_descent"]

BLOCK = 32
AHEAD = 64  # columns of the Gram matrix brought near while as many are worked on


@cache
def entry_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on entries, for rows padded to ``width`` outputs.

    Arguments: G (a, a); minus = −S (width, width); slope (k, a), −gradient of the model, kept up to date;
    W (a, width); K (a, width, width), the strict upper triangle of the model's Hessian block of each row, with its
    ``diagonal`` and ``inverse`` = 1/(diagonal + ridge), both (a, width) and the latter zero beyond k; ``bounds`` (a,
    2, width) of the pull within which a weight is zero; L (a, m, width) and R (a, groups, k', width), the correction
    −Σᵣ Lᵣ⟨Rᵣ, Δ⟩ with m and k' rounded up to multiples of 4 and m ≤ groups·width; allowed (a,); ``scratch`` of zeros:
    3 + 2·BLOCK + groups rows of ``width``; k; largest number of sweeps; tolerance relative to the first sweep. Returns
    the rows visited.
    """
    line = bits // 8 * width

    def visit(row: Any, change: Any, peak: Any, W: Any, K: Any, H: Any, N: Any, bounds: Any, j: int, k: int) -> int:
        found: int = visit_entries(
            bits, width, row.ctypes.data, K.ctypes.data + j * width * line, H.ctypes.data + j * line,
            N.ctypes.data + j * line, bounds.ctypes.data + 2 * j * line, W.ctypes.data + j * line,
            change.ctypes.data, peak.ctypes.data, k,
        )  # fmt: skip
        return found

    return _sweeper(bits, width, compiled(visit))


@cache
def row_descent(bits: int, width: int) -> Callable[..., int]:
    """The kernel for penalties on rows: the same arguments; each row uses the scalars ``diagonal[j, 0]`` and
    ``bounds[j, :, 0]``."""

    def visit(row: Any, change: Any, peak: Any, W: Any, K: Any, H: Any, N: Any, bounds: Any, j: int, k: int) -> int:
        h = H[j, 0]
        norm = 0.0
        for c in range(k):
            row[c] += h * W[j, c]
            if bounds[j, 0, 0] < -bounds[j, 1, 0] and row[c] < 0:  # only positive weights are allowed
                row[c] = 0
            norm += row[c] * row[c]
        norm = norm**0.5
        shrink = row[0] * 0
        if norm > bounds[j, 1, 0]:
            shrink += (1.0 - bounds[j, 1, 0] / norm) * N[j, 0]
        changed, used = 0, 0
        for c in range(k):
            new = row[c] * shrink
            change[c] = new - W[j, c]
            peak[c] = max(peak[c], h * change[c] * change[c])
            W[j, c] = new
            changed |= change[c] != 0
            used |= new != 0
        return changed + 2 * used

    return _sweeper(bits, width, compiled(visit))


def _sweeper(bits: int, width: int, visit: Callable[..., int]) -> Callable[..., int]:
    """Cyclic sweeps over rows that ``visit`` minimises one by one."""
    if width & (width - 1):
        raise ValueError(f"vectors of {width} numbers are padded in memory: the width must be a power of two")
    outer = outer_rows(bits, 0)

    def descend(
        G: Any, minus: Any, slope: Any, W: Any, K: Any, H: Any, N: Any, bounds: Any, L: Any, R: Any, allowed: Any,
        scratch: Any, k: int, sweeps: int, tol: float,
    ) -> int:  # fmt: skip
        (a, m), padded = L.shape[:2], R.shape[2]
        size, line = bits // 8, bits // 8 * width
        row, change, peak = scratch[0], scratch[1], scratch[2]
        steps, near = scratch[3 : 3 + BLOCK], scratch[3 + BLOCK : 3 + 2 * BLOCK]
        row_at, change_at, steps_at, near_at = (
            row.ctypes.data,
            change.ctypes.data,
            steps.ctypes.data,
            near.ctypes.data,
        )
        v_at = row_at + (3 + 2 * BLOCK) * line
        gram_at, minus_at, slope_at = G.ctypes.data, minus.ctypes.data, slope.ctypes.data
        left_at, right_at = L.ctypes.data, R.ctypes.data
        active = allowed.copy()
        full, visited, first = True, 0, 0.0
        for sweep in range(sweeps):
            peak[:] = 0
            for start in range(0, a, BLOCK):
                stop = min(start + BLOCK, a)
                touched = False
                for c in range(k):
                    for j in range(start, stop):
                        near[j - start, c] = slope[c, j]
                for j in range(start, stop):
                    steps[j - start, :] = 0
                    if not allowed[j] or not (full or active[j]):
                        continue
                    visited += 1
                    correct(bits, width, near_at + (j - start) * line, left_at + j * m * line, v_at, m, row_at)
                    found = visit(row, change, peak, W, K, H, N, bounds, j, k)
                    active[j] = found >= 2
                    if found % 2 == 0:
                        continue
                    touched = True
                    for q in range(R.shape[1]):
                        terms_at = right_at + (j * R.shape[1] + q) * padded * line
                        correct(bits, width, v_at + q * line, terms_at, change_at, padded, v_at + q * line)
                    step_at = steps_at + (j - start) * line
                    correct(bits, width, step_at, minus_at, change_at, padded, step_at)
                    # Rows of this block that come now; all others, and the block itself, from the product below.
                    if j + 1 < stop:
                        place = gram_at + (j * a + j + 1) * size
                        rank_one(bits, width, place, step_at, near_at + (j + 1 - start) * line, stop - j - 1)
                if touched:
                    rows_at = gram_at + start * a * size
                    outer(rows_at, a, 0, steps_at, width, k, a, slope_at, a, stop - start, AHEAD)
            largest = peak.max()
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
    """What `entry_descent` takes of a model, from ``left`` and ``right`` (m, a, width): L, R and K, given as zeros, and
    ``curvature`` (a, width), the diagonal of each row's block or, ``grouped``, a bound of its eigenvalues."""
    size = bits // 8

    def fill(
        diagonal: Any, S: Any, left: Any, right: Any, L: Any, R: Any, K: Any, curvature: Any, k: int, grouped: bool
    ) -> None:
        (m, a), line = left.shape[:2], size * width
        left_at, right_at, blocks_at = left.ctypes.data, right.ctypes.data, K.ctypes.data
        for j in range(a):
            for c in range(k):
                for e in range(width):
                    K[j, c, e] = diagonal[j] * S[c, e]
            for r in range(m):
                place = (r * a + j) * line
                for e in range(width):
                    L[j, r, e] = left[r, j, e]
                for c in range(k):
                    block_at = blocks_at + (j * width + c) * line
                    axpy(bits, width, left_at + place + c * size, 0, right_at + place, block_at)
                    R[j, r // width, c, r % width] = right[r, j, c]
            for c in range(k):
                curvature[j, c] = np.abs(K[j, c]).sum() if grouped else K[j, c, c]
                K[j, c, : c + 1] = 0

    return compiled(fill)
