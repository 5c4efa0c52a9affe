"""Intervals and tests that the analyses share: proportions, paired changes, correlations."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate
from clearhead.core.seeds import numpy_generator

__all__ = [
    "correlation",
    "mcnemar",
    "mean_interval",
    "median_interval",
    "paired_change",
    "permutation_p",
    "proportion",
    "with_interval",
]


def proportion(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share with its Wilson interval. With no observations the value is NaN and the interval is [0, 1].

    >>> e = proportion(8, 10)
    >>> round(e.value, 2), round(e.low, 2), round(e.high, 2)
    (0.8, 0.49, 0.94)
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, "Wilson", level)
    q = NormalDist().inv_cdf(0.5 + level / 2)
    share, spread = successes / n, q * q / n
    centre = (share + spread / 2) / (1 + spread)
    half = q * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # A bound must never exclude the value itself by rounding.
    return Estimate(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)), n, "Wilson", level)


def with_interval(name: str, e: Estimate) -> dict[str, float]:
    """Cells of a table's row: the value under ``name``, its bounds under ``name_low`` and ``name_high``."""
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def mean_interval(values: ArrayLike, *, seed: int = 0, draws: int = 2000, level: float = 0.95) -> Estimate:
    """A mean with its percentile-bootstrap interval over the values, shape (n,)."""
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, "percentile bootstrap", level)
    means = _bootstrap_means(x, draws, numpy_generator(seed, "bootstrap"))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(x.mean()), float(low), float(high), int(x.size), "percentile bootstrap", level)


def median_interval(values: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The median of (n,) values with the interval between order statistics (binomial, no assumption on their form).

    >>> e = median_interval(range(1, 21))
    >>> e.value, e.low, e.high
    (10.5, 6.0, 15.0)
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    if x.size == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, "order statistics", level)
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(x.size) / 2
    low, high = max(0, math.floor(x.size / 2 - half)), min(x.size - 1, math.ceil(x.size / 2 + half) - 1)
    middle = float(np.median(x))
    return Estimate(
        middle, min(float(x[low]), middle), max(float(x[high]), middle), int(x.size), "order statistics", level
    )


def paired_change(before: ArrayLike, after: ArrayLike, *, seed: int = 0, draws: int = 2000) -> Estimate:
    """Mean of ``after − before`` over the same rows with its paired percentile-bootstrap interval.

    ``before`` and ``after`` are (n,) arrays of 0/1 (right or wrong) or of numbers.
    """
    b, a = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if b.shape != a.shape:
        raise DataError("a paired test needs the same rows before and after", got=f"{b.shape} and {a.shape}")
    estimate = mean_interval(a - b, seed=seed, draws=draws)
    return Estimate(estimate.value, estimate.low, estimate.high, estimate.n, "paired percentile bootstrap")


def _bootstrap_means(x: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= 64:  # few distinct values: resampling rows is drawing their counts
        drawn = rng.multinomial(x.size, counts / x.size, size=draws)
        return np.asarray(drawn @ values / x.size)
    return np.array([rng.choice(x, x.size).mean() for _ in range(draws)])


def mcnemar(before: ArrayLike, after: ArrayLike) -> float:
    """Exact two-sided McNemar p-value for (n,) arrays that say which rows are right before and after."""
    from scipy.stats import binomtest

    b, a = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    gained, lost = int((a & ~b).sum()), int((b & ~a).sum())
    return 1.0 if gained + lost == 0 else float(binomtest(gained, gained + lost, 0.5).pvalue)


def correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r of two (n,) arrays; NaN if either is constant."""
    u, v = (np.asarray(t, dtype=np.float64) for t in (x, y))
    u, v = u - u.mean(), v - v.mean()
    scale = math.sqrt(float(u @ u) * float(v @ v))
    return float(u @ v) / scale if scale > 0 else math.nan


def permutation_p(observed: float, null: ArrayLike) -> float:
    """Share of the null draws at least as large in absolute value, the observed one counted among them (never 0)."""
    draws = np.abs(np.asarray(null, dtype=np.float64))
    return float((1 + (draws >= abs(observed) - 1e-12).sum()) / (1 + draws.size))
