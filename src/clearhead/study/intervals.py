"""Intervals and tests for rates of tasks that share classes and annotators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate

__all__ = [
    "Sample",
    "annotator_variance",
    "cluster_interval",
    "difference_interval",
    "label_test",
    "sign_flip_test",
    "wilson",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DRAWS = 2000


@dataclass(frozen=True)
class Sample:
    """Outcomes (n,) of tasks in clusters (n,), and the variance of their mean that shared annotators add."""

    outcome: Floats
    cluster: Ints
    annotator_variance: float = 0.0

    @property
    def mean(self) -> float:
        """The rate; NaN without tasks."""
        return float(self.outcome.mean()) if len(self.outcome) else float("nan")


def wilson(successes: float, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval of a share; it ignores that tasks share classes and annotators."""
    from scipy.stats import norm

    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0, 0, "Wilson", level)
    z = float(norm.ppf((1 + level) / 2))
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Estimate(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), n, "Wilson", level)


def annotator_variance(effects: Floats, annotator: Ints) -> float:
    """Variance that annotators add to a statistic beyond what independent answers would.

    ``effects`` (m,): what each answer adds to the statistic (`deletion_effects`, scaled). Answers of one person move
    together: the sum over pairs of different answers of the same annotator estimates that part; negative is zero.
    """
    if len(effects) == 0:
        return 0.0
    centred = effects - effects.mean()
    people, index = np.unique(annotator, return_inverse=True)
    if len(people) < 2:
        return 0.0
    together = np.bincount(index, centred)
    excess = float((together**2).sum() - (centred**2).sum()) * len(people) / (len(people) - 1)
    return max(0.0, excess)


def cluster_interval(sample: Sample, rng: np.random.Generator, level: float = 0.95) -> Estimate:
    """Bootstrap over clusters, widened for shared annotators and for few clusters.

    Whole clusters (classes) are drawn with replacement; quantiles of the resampled rates around the observed one are
    stretched by √(1 + V_annotators / V_clusters), √(C/(C−1)) and Student's quantile over the normal one.
    """
    n, c = _cluster_sums(sample.outcome, sample.cluster)
    return _bootstrap(sample.mean, [(c, n, 1.0)], sample.annotator_variance, len(sample.outcome), rng, level)


def difference_interval(
    first: Sample, second: Sample, variance: float, rng: np.random.Generator, level: float = 0.95
) -> Estimate:
    """As `cluster_interval`, for the rate of ``first`` minus that of ``second``; clusters are drawn for both."""
    labels, index = np.unique(np.concatenate([first.cluster, second.cluster]), return_inverse=True)
    cut = len(first.cluster)
    parts: list[tuple[Floats, Floats, float]] = []
    for sample, at, sign in ((first, index[:cut], 1.0), (second, index[cut:], -1.0)):
        count = np.bincount(at, minlength=len(labels)).astype(float)
        parts.append((np.bincount(at, sample.outcome, len(labels)).astype(float), count, sign))
    total = len(first.outcome) + len(second.outcome)
    return _bootstrap(first.mean - second.mean, parts, variance, total, rng, level)


def _cluster_sums(outcome: Floats, cluster: Ints) -> tuple[Floats, Floats]:
    _, index = np.unique(cluster, return_inverse=True)
    return np.bincount(index).astype(float), np.bincount(index, outcome).astype(float)


def _bootstrap(
    value: float,
    parts: list[tuple[Floats, Floats, float]],
    variance: float,
    n: int,
    rng: np.random.Generator,
    level: float,
) -> Estimate:
    """``parts``: (sum, count, sign) per cluster; the statistic is Σ sign · Σsum/Σcount."""
    from scipy.stats import norm, t

    clusters = len(parts[0][0])
    method = "cluster bootstrap, widened for shared annotators"
    if n == 0 or clusters < 2:
        return Estimate(value, float("nan"), float("nan"), n, f"{method} (fewer than two clusters: no interval)", level)
    draws = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS).astype(float)
    resampled = np.zeros(DRAWS)
    for total, count, sign in parts:
        resampled += sign * (draws @ total) / np.maximum(draws @ count, 1e-12)
    spread = float(resampled.var())
    alone = spread * clusters / (clusters - 1)
    stretch = np.sqrt((alone + variance) / spread) if spread > 0 else 1.0
    stretch *= t.ppf((1 + level) / 2, clusters - 1) / norm.ppf((1 + level) / 2)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        value, float(value + (low - value) * stretch), float(value + (high - value) * stretch), n, method, level
    )


def sign_flip_test(differences: Floats, rng: np.random.Generator, draws: int = 10_000) -> float:
    """Two-sided p value for paired differences being symmetric about zero, by random sign flips."""
    if len(differences) == 0:
        raise DataError("a paired test needs at least one class with tasks in both arms")
    observed = abs(differences.sum())
    signs = rng.integers(0, 2, size=(draws, len(differences))) * 2 - 1
    extreme = int((np.abs(signs @ differences) >= observed - 1e-12).sum())
    return (extreme + 1) / (draws + 1)


def label_test(first: Floats, second: Floats, rng: np.random.Generator, draws: int = 10_000) -> float | None:
    """Two-sided p value for two groups of cluster means, by permuting labels; None if one is empty.

    It takes the groups as independent, and is meant for arms that share no clusters.
    """
    if len(first) == 0 or len(second) == 0:
        return None
    pooled = np.concatenate([first, second])
    observed = abs(first.mean() - second.mean())
    shuffled = rng.permuted(np.tile(pooled, (draws, 1)), axis=1)
    gaps = np.abs(shuffled[:, : len(first)].mean(axis=1) - shuffled[:, len(first) :].mean(axis=1))
    return (int((gaps >= observed - 1e-12).sum()) + 1) / (draws + 1)
