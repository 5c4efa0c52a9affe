"""Coordinate descent on a diagonal curvature, for more outputs than vector registers hold: some rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from clearhead.glm.kernels.compiled import compiled

__all__ = ["block_descent"]


@cache
def block_descent() -> Callable[..., int]:
    """The kernel that minimises the model over rows ``start`` to ``stop`` in turn, and tells how many have changed.

    Arguments: ``gram`` (a, a); S (k,); ``near`` (m, k), for the slopes −∂model of these rows, and ``slope`` (a, k)
    before this block; W (a, k); ``curvature``, ``inverse`` = 1/(curvature + ridge), both (a, k) and for ``grouped``
    penalties the same in each column; ``bounds`` (a, 2) of the pull within which a weight is zero; L, R (r, a, k) and
    ``share`` (r,) = ⟨R, Δ⟩ so far, kept up to date; ``visited`` (a,), which rows to work on; ``active`` (a,), set where
    weights are left; ``steps`` (m, k), which receives Δ·S; ``change`` (k,); ``peak`` (1,), the largest Σ curvature·Δ²
    of a row, raised. The outputs of a row are minimised at once, as though its correction coupled none of them.
    """

    def entries(row: Any, W: Any, H: Any, N: Any, low: float, high: float, change: Any) -> None:
        for c in range(len(row)):
            pulled = row[c] + H[c] * W[c]
            change[c] = (pulled - min(max(pulled, low), high)) * N[c] - W[c]

    def group(row: Any, W: Any, H: Any, N: Any, low: float, high: float, change: Any) -> None:
        norm = 0.0
        for c in range(len(row)):
            pulled = row[c] + H[c] * W[c]
            if low < -high and pulled < 0:  # only positive weights are allowed
                pulled = 0 * pulled
            change[c] = pulled
            norm += pulled * pulled
        norm = norm**0.5
        shrink = (1.0 - high / norm) * N[0] if norm > high else 0.0
        for c in range(len(row)):
            change[c] = change[c] * shrink - W[c]

    entries, group = compiled(entries), compiled(group)

    def descend(
        start: int, stop: int, gram: Any, S: Any, near: Any, slope: Any, W: Any, curvature: Any, inverse: Any,
        bounds: Any, L: Any, R: Any, share: Any, visited: Any, active: Any, steps: Any, change: Any, peak: Any,
        grouped: bool,
    ) -> int:  # fmt: skip
        m, k = stop - start, W.shape[1]
        changed = 0
        for i in range(m):
            for c in range(k):
                near[i, c] = slope[start + i, c]
        for i in range(m):
            j = start + i
            row, step = near[i], steps[i]
            step[:] = 0
            if not visited[j]:
                continue
            for r in range(len(share)):
                factor, left = share[r], L[r, j]
                for c in range(k):
                    row[c] += left[c] * factor
            weights, bend = W[j], curvature[j]
            if grouped:
                group(row, weights, bend, inverse[j], bounds[j, 0], bounds[j, 1], change)
            else:
                entries(row, weights, bend, inverse[j], bounds[j, 0], bounds[j, 1], change)
            gained, used = 0 * peak[0], 0 * peak[0]
            for c in range(k):
                weights[c] += change[c]
                step[c] = S[c] * change[c]
                gained += bend[c] * change[c] * change[c]
                used += abs(weights[c])
            active[j] = used > 0
            if gained == 0:
                continue
            peak[0], changed = max(peak[0], gained), changed + 1
            for r in range(len(share)):
                total, right = 0 * share[r], R[r, j]
                for c in range(k):
                    total += right[c] * change[c]
                share[r] += total
            for other in range(i + 1, m):
                factor, later = gram[j, start + other], near[other]
                for c in range(k):
                    later[c] -= factor * step[c]
        return changed

    return compiled(descend)
