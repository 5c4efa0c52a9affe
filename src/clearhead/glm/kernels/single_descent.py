"""Coordinate descent on a quadratic of one output, whose Hessian is written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from clearhead.glm.kernels.compiled import compiled

__all__ = ["single_descent"]


@cache
def single_descent() -> Callable[..., None]:
    """The kernel that sweeps over a weights a number of times.

    Arguments: H (a, a); ``slope`` (a,), −gradient of the quadratic at ``w`` (a,), both kept up to date; ``diagonal``
    (a,) and ``inverse`` 1/(diagonal + ridge); ``bounds`` (a, 2) of the pull within which a weight is zero;
    ``allowed`` (a,); the number of sweeps, fewer where nothing moves any more.
    """

    def descend(
        H: Any, slope: Any, w: Any, diagonal: Any, inverse: Any, bounds: Any, allowed: Any, sweeps: int
    ) -> None:
        a = len(w)
        for _sweep in range(sweeps):
            moved = False
            for j in range(a):
                if not allowed[j]:
                    continue
                pulled = slope[j] + diagonal[j] * w[j]
                new = (pulled - min(max(pulled, bounds[j, 0]), bounds[j, 1])) * inverse[j]
                change = new - w[j]
                if change == 0:
                    continue
                w[j] = new
                moved = True
                row = H[j]
                for i in range(a):
                    slope[i] -= change * row[i]
            if not moved:
                break

    return compiled(descend)
