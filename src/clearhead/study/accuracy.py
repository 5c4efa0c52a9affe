"""How often the vote selects the truth, per arm, with intervals that know about classes and annotators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearhead.core.finding import Estimate
from clearhead.study.ballots import Ballots
from clearhead.study.intervals import (
    Sample,
    annotator_variance,
    cluster_interval,
    difference_interval,
    label_test,
    sign_flip_test,
    wilson,
)
from clearhead.study.quality import Quality, Rules, control
from clearhead.study.vote import Verdict, deletion_effects, majority

__all__ = ["Assessment", "Design", "assess"]

Mask = NDArray[np.bool_]
FEWEST_PAIRS = 6  # five sign flips cannot give p < 0.06


@dataclass(frozen=True)
class Design:
    """Per task (n,): the right option, the arm, and the cluster (its class)."""

    truth: NDArray[np.int64]
    arm: NDArray[np.int64]
    cluster: NDArray[np.int64]


@dataclass(frozen=True)
class Assessment:
    """The vote on every task against the truth."""

    design: Design
    ballots: Ballots
    quality: Quality
    verdict: Verdict
    effects: NDArray[np.float64]

    @property
    def correct(self) -> Mask:
        """(n,): the vote selected the truth."""
        hit: Mask = self.verdict.option == self.design.truth
        return hit

    def sample(self, mask: Mask) -> Sample:
        """The counted tasks under ``mask`` (n,), with the variance that shared annotators add to their rate."""
        mask = mask & self.verdict.counted
        inside = mask[self.ballots.task]
        variance = annotator_variance(self.effects[inside] / max(1, mask.sum()), self.ballots.annotator[inside])
        return Sample(self.correct[mask].astype(float), self.design.cluster[mask], variance)

    def rate(self, mask: Mask, rng: np.random.Generator) -> tuple[Estimate, Estimate]:
        """The rate under ``mask``: with the cluster bootstrap's interval, and with Wilson's."""
        sample = self.sample(mask)
        return cluster_interval(sample, rng), wilson(sample.outcome.sum(), len(sample.outcome))

    def difference(self, first: Mask, second: Mask, rng: np.random.Generator) -> tuple[Estimate, float | None]:
        """Rate under ``first`` minus rate under ``second``, and the p value of a sign-flip test paired by cluster.

        Where fewer than six clusters have tasks in both, the arms' labels are permuted over clusters instead; None
        where an arm has no task.
        """
        a, b = self.sample(first), self.sample(second)
        scale = np.zeros(self.ballots.n_tasks)
        scale[first & self.verdict.counted] += 1 / max(1, len(a.outcome))
        scale[second & self.verdict.counted] -= 1 / max(1, len(b.outcome))
        moved = scale[self.ballots.task]
        inside = moved != 0
        variance = annotator_variance((self.effects * moved)[inside], self.ballots.annotator[inside])
        means = [_cluster_means(x) for x in (a, b)]
        both = sorted(set(means[0]) & set(means[1]))
        if len(both) >= FEWEST_PAIRS:
            p: float | None = sign_flip_test(np.array([means[0][c] - means[1][c] for c in both]), rng)
        else:
            p = label_test(np.array(list(means[0].values())), np.array(list(means[1].values())), rng)
        return difference_interval(a, b, variance, rng), p


def assess(ballots: Ballots, design: Design, rules: Rules, rng: np.random.Generator) -> Assessment:
    """Quality control, vote, and each answer's effect on it."""
    quality = control(ballots, rules)
    kept = ballots.only(quality.keep).answered()
    return Assessment(
        design, kept, quality, majority(kept, rules, rng), deletion_effects(kept, rules, np.maximum(design.truth, 0))
    )


def _cluster_means(sample: Sample) -> dict[int, float]:
    labels, index = np.unique(sample.cluster, return_inverse=True)
    means = np.bincount(index, sample.outcome) / np.bincount(index)
    return {int(c): float(x) for c, x in zip(labels, means, strict=True)}
