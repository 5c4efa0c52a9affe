"""The best convex combination of dual points whose penalty term is a squared excess."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearhead.glm.kernels.compiled import compiled

__all__ = ["ascend"]

TURNS = 8  # evaluations of a line search


def _size(v: Any, j: int, nonnegative: bool) -> Any:
    total = 0.0
    for c in range(v.shape[1]):
        if not nonnegative or v[j, c] > 0:
            total += v[j, c] * v[j, c]
    return np.sqrt(total)


_size = compiled(_size)


def _gradient(A: Any, s: Any, v: Any, level: Any, ridge: Any, nonnegative: bool, g: Any) -> float:
    """−½Σ(size − level)₊²/ridge at v, and in ``g`` its gradient in the weights of the points, plus s."""
    g[:] = s
    value = 0.0
    for j in range(v.shape[0]):
        size = _size(v, j, nonnegative)
        excess = size - level[j]
        if excess <= 0:
            continue
        value -= 0.5 * excess * excess / ridge[j]
        pull = excess / (ridge[j] * size)
        for c in range(v.shape[1]):
            if not nonnegative or v[j, c] > 0:
                for m in range(len(s)):
                    g[m] -= pull * v[j, c] * A[j, c, m]
    return value


_gradient = compiled(_gradient)


def _rise(A: Any, v: Any, up: int, down: int, t: float, level: Any, ridge: Any, nonnegative: bool) -> float:
    """Derivative of the penalty term along A[up] − A[down], a distance t from v."""
    total = 0.0
    moved = np.empty((1, v.shape[1]))
    for j in range(v.shape[0]):
        for c in range(v.shape[1]):
            moved[0, c] = v[j, c] + t * (A[j, c, up] - A[j, c, down])
        size = _size(moved, 0, nonnegative)
        excess = size - level[j]
        if excess <= 0:
            continue
        pull = excess / (ridge[j] * size)
        for c in range(v.shape[1]):
            if not nonnegative or moved[0, c] > 0:
                total -= pull * moved[0, c] * (A[j, c, up] - A[j, c, down])
    return total


_rise = compiled(_rise)


def _ascend(
    A: Any, s: Any, level: Any, ridge: Any, nonnegative: bool, weights: Any, wanted: float, passes: int
) -> float:
    """The value, at the weights found, of c·s − ½Σ(‖vⱼ‖ − levelⱼ)₊²/ridgeⱼ found with v = A·c, c ≥ 0
    summing to one.

    ``A`` (r, d, m): r groups of d entries of m points; ``s`` (m,); ``level``, ``ridge`` (r,). Starts at ``weights``
    (m,) and leaves the weights found there. Two points exchange weight at a time, by an exact line search. It ends
    when ``wanted`` is reached or, since the function is concave, shown to be out of reach.
    """
    r, d, m = A.shape
    v = np.zeros((r, d))
    for j in range(r):
        for c in range(d):
            for i in range(m):
                v[j, c] += A[j, c, i] * weights[i]
    g = np.empty(m)
    value = -np.inf
    for turn in range(passes):
        value = _gradient(A, s, v, level, ridge, nonnegative, g)
        up, down, inner = 0, -1, 0.0
        for i in range(m):
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
        limit, base = weights[down], s[up] - s[down]
        low, high, at_low = 0.0, limit, g[up] - g[down]
        at_high = base + _rise(A, v, up, down, limit, level, ridge, nonnegative)
        step = limit
        if at_high < 0:
            for _turn in range(TURNS):
                step = low + (high - low) * at_low / (at_low - at_high)
                here = base + _rise(A, v, up, down, step, level, ridge, nonnegative)
                if abs(here) <= 0.05 * (g[up] - g[down]):
                    break
                if here > 0:
                    low, at_low = step, here
                else:
                    high, at_high = step, here
        weights[up] += step
        weights[down] = 0.0 if step == limit else weights[down] - step
        for j in range(r):
            for c in range(d):
                v[j, c] += step * (A[j, c, up] - A[j, c, down])
    return value


ascend = compiled(_ascend)
