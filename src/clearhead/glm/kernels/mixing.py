"""The best convex combination of dual points whose penalty term is a squared excess.

The long axis is the last one of every array and the innermost of every loop, whose bodies have no branches: the
compiler makes vectors of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clearhead.glm.kernels.compiled import compiled

__all__ = ["ascend"]

TURNS = 8  # evaluations of a line search
TINY = 1e-300


def _pulls(v: Any, level: Any, ridge: Any, nonnegative: bool, pull: Any) -> float:
    """−½Σ(‖vⱼ‖ − levelⱼ)₊²/ridgeⱼ of v (d, r), whose negative entries do not count where only positive ones are
    allowed: they are set to zero. ``pull`` (r,) receives what times v is minus its gradient."""
    for j in range(len(pull)):
        pull[j] = 0.0
    for c in range(v.shape[0]):
        if nonnegative:
            for j in range(len(pull)):
                v[c, j] = max(v[c, j], 0.0)
        for j in range(len(pull)):
            pull[j] += v[c, j] * v[c, j]
    value = 0.0
    for j in range(len(pull)):
        size = np.sqrt(pull[j])
        share = max(size - level[j], 0.0) / ridge[j]
        value -= 0.5 * share * share * ridge[j]
        pull[j] = share / max(size, TINY)
    return value


_pulls = compiled(_pulls)


def _along(pull: Any, v: Any, towards: Any) -> float:
    """Σ pullⱼ⟨vⱼ, towardsⱼ⟩."""
    total = 0.0
    for c in range(v.shape[0]):
        for j in range(len(pull)):
            total += pull[j] * v[c, j] * towards[c, j]
    return total


_along = compiled(_along)


def _mixed(v: Any, t: float, A: Any, up: int, down: int, out: Any) -> None:
    """out = v + t·(A[up] − A[down])."""
    for c in range(v.shape[0]):
        for j in range(v.shape[1]):
            out[c, j] = v[c, j] + t * (A[up, c, j] - A[down, c, j])


_mixed = compiled(_mixed)


def _ascend(
    A: Any, s: Any, level: Any, ridge: Any, nonnegative: bool, weights: Any, wanted: float, passes: int
) -> float:
    """The value, at the weights found, of c·s − ½Σ(‖vⱼ‖ − levelⱼ)₊²/ridgeⱼ with v = Σ cᵢAᵢ, c ≥ 0 summing to one.

    ``A`` (m, d, r): m points of r groups of d entries; ``s`` (m,); ``level``, ``ridge`` (r,). Starts at ``weights``
    (m,) and leaves the weights found there. Two points exchange weight at a time, by an exact line search. It ends
    when ``wanted`` is reached or, since the function is concave, shown to be out of reach.
    """
    m, d, r = A.shape
    v, moved, pull, g = np.zeros((d, r)), np.empty((d, r)), np.empty(r), np.empty(m)
    for i in range(m):
        for c in range(d):
            for j in range(r):
                v[c, j] += weights[i] * A[i, c, j]
    value = -np.inf
    for turn in range(passes):
        moved[:] = v
        value = _pulls(moved, level, ridge, nonnegative, pull)
        up, down, inner = 0, -1, 0.0
        for i in range(m):
            g[i] = s[i] - _along(pull, moved, A[i])
            value += weights[i] * s[i]
            inner += weights[i] * g[i]
            if g[i] > g[up]:
                up = i
            if weights[i] > 0 and (down < 0 or g[i] < g[down]):
                down = i
        ahead = g[up] - inner  # no combination is better by more
        reached = value >= wanted or value + ahead < wanted or ahead <= 1e-3 * (wanted - value)
        if reached or up == down or turn == passes - 1:
            break
        limit, slope = weights[down], g[up] - g[down]
        low, high, at_low, at_high, step = 0.0, limit, slope, 0.0, limit
        for trial in range(1 + TURNS):
            if trial:
                step = low + (high - low) * at_low / (at_low - at_high)
            _mixed(v, step, A, up, down, moved)
            _pulls(moved, level, ridge, nonnegative, pull)
            here = s[up] - s[down] - _along(pull, moved, A[up]) + _along(pull, moved, A[down])
            if (trial == 0 and here >= 0) or (trial and abs(here) <= 0.05 * slope):
                break
            if here > 0:
                low, at_low = step, here
            else:
                high, at_high = step, here
        weights[up] += step
        weights[down] = 0.0 if step == limit else weights[down] - step
        _mixed(v, step, A, up, down, v)
    return value


ascend = compiled(_ascend)
