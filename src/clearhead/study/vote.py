"""The majority vote, weighted by confidence, with ties and all-zero tasks decided by rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearhead.study.ballots import Ballots
from clearhead.study.quality import Rules

__all__ = ["Verdict", "deletion_effects", "majority", "weights_of", "win_shares"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """The selection of each task: option, or −1 where there is none (too few answers, dropped, or a tie called wrong).

    ``counted`` marks tasks that enter a rate; ``tied`` and ``all_zero`` those that the paper's text leaves undefined.
    """

    option: NDArray[np.int64]
    counted: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    all_zero: NDArray[np.bool_]


def weights_of(ballots: Ballots, rules: Rules) -> Floats:
    """The weight of each ballot under the rule."""
    if rules.weight == "equal":
        return np.ones(len(ballots.task))
    return ballots.confidence + (rules.weight == "confidence+1")


def win_shares(tally: Floats, heads: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Share of the win of each option (ties split it), and which rows had no weight at all, so that heads decided."""
    empty = tally.sum(axis=1) <= 0
    tally = np.where(empty[:, None], heads, tally)
    top = tally == tally.max(axis=1, keepdims=True)
    top &= tally.sum(axis=1, keepdims=True) > 0
    wins: Floats = top / np.maximum(top.sum(axis=1, keepdims=True), 1)
    return wins, empty


def majority(ballots: Ballots, rules: Rules, rng: np.random.Generator) -> Verdict:
    """The vote on ballots that passed quality control and voted on this question."""
    heads = ballots.tally(np.ones(len(ballots.task)))
    shares, empty = win_shares(ballots.tally(weights_of(ballots, rules)), heads)
    voted = heads.sum(axis=1) > 0
    empty &= voted
    tied = voted & (shares.max(axis=1) < 1)
    order = shares + rng.random(shares.shape) * (shares > 0)
    option = np.where(voted, order.argmax(axis=1), -1)
    counted = voted.copy()
    if rules.ties != "random":
        option[tied] = -1
    if rules.ties == "drop":
        counted[tied] = False
    if rules.all_zero == "drop":
        option[empty], counted[empty] = -1, False
    return Verdict(option, counted, tied, empty)


def deletion_effects(ballots: Ballots, rules: Rules, truth: NDArray[np.int64]) -> Floats:
    """How much each ballot added to its task's credit for the option ``truth``: credit with it minus credit without it.

    Credit is the chance that the vote selects ``truth`` (a tie of m options gives 1/m).
    """
    weight = weights_of(ballots, rules)
    tally, heads = ballots.tally(weight), ballots.tally(np.ones(len(weight)))
    wanted = truth[ballots.task]
    credit = win_shares(tally, heads)[0][ballots.task, wanted]
    rows = np.arange(len(weight))
    without, heads_without = tally[ballots.task], heads[ballots.task]
    without[rows, ballots.option] -= weight
    heads_without[rows, ballots.option] -= 1
    without[np.abs(without) < 1e-9] = 0
    effect: Floats = credit - win_shares(without, heads_without)[0][rows, wanted]
    return effect
