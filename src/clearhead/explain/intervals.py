"""Intervals of means over independent units (images, sentences)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearhead.core.finding import Estimate

__all__ = ["mean_estimate", "student"]


def student(degrees: NDArray[np.floating] | float, level: float = 0.95) -> NDArray[np.float64]:
    """Two-sided quantile of Student's t; NaN without a degree of freedom."""
    from scipy.special import stdtrit

    degrees = np.asarray(degrees, dtype=float)
    quantile: NDArray[np.float64] = stdtrit(np.where(degrees > 0, degrees, np.nan), 0.5 + level / 2)
    return quantile


def mean_estimate(values: Sequence[float] | NDArray[np.floating], unit: str, level: float = 0.95) -> Estimate:
    """Mean of one number a unit with Student's interval; the interval is NaN for fewer than two.

    >>> estimate = mean_estimate([1.0, 2.0, 3.0], "image")
    >>> estimate.value, round(estimate.low, 2), estimate.n
    (2.0, -0.48, 3)
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    mean = float(array.mean()) if n else float("nan")
    error = float(array.std(ddof=1) / n**0.5) if n > 1 else float("nan")
    half = float(student(n - 1, level)) * error
    return Estimate(mean, mean - half, mean + half, n, f"mean over {unit}s, Student's t", level)
