"""How far annotators agree: Krippendorff's alpha, and the Dawid-Skene model of each annotator's errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearhead.study.ballots import Ballots

__all__ = ["Consensus", "dawid_skene", "krippendorff_alpha"]

Floats = NDArray[np.float64]


def krippendorff_alpha(ballots: Ballots) -> float:
    """Krippendorff's alpha for nominal options: 1 perfect agreement, 0 chance; NaN when nothing can be compared.

    Tasks with one vote say nothing and are left out (Krippendorff 2011, coincidence matrices).
    """
    counts = ballots.tally(np.ones(len(ballots.task)))
    counts = counts[counts.sum(axis=1) >= 2]
    if len(counts) == 0:
        return float("nan")
    size = counts.sum(axis=1, keepdims=True)
    coincidence = (counts.T @ (counts / (size - 1))) - np.diag((counts / (size - 1)).sum(axis=0))
    margin = coincidence.sum(axis=1)
    n = margin.sum()
    observed = n - np.trace(coincidence)
    expected = (n * n - (margin**2).sum()) / (n - 1)
    return float(1 - observed / expected) if expected > 0 else float("nan")


@dataclass(frozen=True)
class Consensus:
    """Dawid-Skene: probability of each option per task, and each annotator's confusion matrix (true, said)."""

    posterior: Floats
    confusion: Floats
    prior: Floats
    iterations: int


def dawid_skene(ballots: Ballots, *, smoothing: float = 1.0, max_iterations: int = 200, tol: float = 1e-6) -> Consensus:
    """EM for the model of Dawid and Skene (1979), with ``smoothing`` pseudo-votes on each annotator's right answers.

    Options are shown in random order in *simulate*, so that a fixed option has no meaning across tasks; the confusion
    matrices then measure position bias and reliability together.
    """
    k, size = ballots.n_options, max(1.0, len(ballots.task))
    heads = ballots.tally(np.ones(len(ballots.task)))
    posterior = (heads + 1e-9) / (heads + 1e-9).sum(axis=1, keepdims=True)
    pseudo = smoothing * (np.eye(k) + 1.0 / k)
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        confusion = np.tile(pseudo, (ballots.n_annotators, 1, 1))
        np.add.at(confusion.transpose(0, 2, 1), (ballots.annotator, ballots.option), posterior[ballots.task])
        confusion /= confusion.sum(axis=2, keepdims=True)
        prior = posterior[heads.sum(axis=1) > 0].mean(axis=0) if len(ballots.task) else np.full(k, 1 / k)
        log = np.tile(np.log(prior + 1e-12), (ballots.n_tasks, 1))
        np.add.at(log, ballots.task, np.log(confusion[ballots.annotator, :, ballots.option]))
        updated = np.exp(log - log.max(axis=1, keepdims=True))
        updated /= updated.sum(axis=1, keepdims=True)
        change = float(np.abs(updated - posterior).sum()) / size
        posterior = updated
        if change < tol:
            break
    return Consensus(posterior, confusion, prior, iterations)
