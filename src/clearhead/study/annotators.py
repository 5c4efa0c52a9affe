"""Simulated annotators: good, random, lazy, all-blank, biased; and the answers of a whole crew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import SettingError
from clearhead.study.accuracy import Design
from clearhead.study.ballots import Ballots

__all__ = ["MANNERS", "Crew", "assign", "vote_of_crew"]

MANNERS = ("good", "random", "lazy", "blank", "biased")


@dataclass(frozen=True)
class Crew:
    """Who answers, and how well.

    Parameters
    ----------
    size : number of annotators.
    mix : share of each manner. *good* finds the truth with its arm's skill, else guesses; *random* guesses; *lazy*
        always takes the first option; *blank* leaves everything blank; *biased* is good but takes a favourite position
        half of the time.
    skill : per arm, a good annotator's chance of seeing the truth (beyond guessing) on a task of average difficulty.
    class_spread, annotator_spread, task_spread : standard deviations, on the logit of the skill, between classes,
        between good annotators, and between tasks of a class.
    blank_rate : chance that anyone leaves a task blank.
    answers : answers a task.
    """

    size: int = 60
    mix: Mapping[str, float] = field(
        default_factory=lambda: {"good": 0.7, "random": 0.1, "lazy": 0.08, "blank": 0.05, "biased": 0.07}
    )
    skill: tuple[float, ...] = (0.01, 0.27)
    class_spread: float = 0.8
    annotator_spread: float = 0.6
    task_spread: float = 0.8
    blank_rate: float = 0.02
    answers: int = 5

    def __post_init__(self) -> None:
        if set(self.mix) - set(MANNERS) or abs(sum(self.mix.values()) - 1) > 1e-6:
            raise SettingError("shares of annotators must sum to 1", got=dict(self.mix), expected=", ".join(MANNERS))
        if self.size < self.answers:
            raise SettingError("fewer annotators than answers a task", got=self.size, expected=self.answers)
        if not all(0 < s < 1 for s in self.skill):
            raise SettingError("a skill lies between 0 and 1", got=self.skill)


def assign(n_tasks: int, crew: Crew, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who answers what: each task ``crew.answers`` different people, loads as even as they come. Two arrays (m,)."""
    task = np.repeat(np.arange(n_tasks), crew.answers)
    rounds = -(-len(task) // crew.size) + 1
    queue = np.concatenate([rng.permutation(crew.size) for _ in range(rounds)])
    people = queue[: len(task)].reshape(n_tasks, crew.answers).copy()
    ordered = np.sort(people, axis=1)
    for t in np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(1)):  # met twice where two permutations join
        people[t] = rng.choice(crew.size, size=crew.answers, replace=False)
    return task, people.ravel()


def vote_of_crew(design: Design, n_options: int, crew: Crew, rng: np.random.Generator) -> Ballots:
    """One simulated study: every effect (class, task, annotator) is drawn afresh."""
    n = len(design.truth)
    task, person = assign(n, crew, rng)
    classes, cluster = np.unique(design.cluster, return_inverse=True)
    manners = rng.choice(len(MANNERS), size=crew.size, p=[crew.mix.get(m, 0.0) for m in MANNERS])
    base = np.log(np.asarray(crew.skill) / (1 - np.asarray(crew.skill)))
    logit = base[design.arm] + rng.normal(0, crew.class_spread, len(classes))[cluster]
    logit += rng.normal(0, crew.task_spread, n)
    sees = logit[task] + rng.normal(0, crew.annotator_spread, crew.size)[person]
    knows = rng.random(len(task)) < 1 / (1 + np.exp(-sees))
    option = np.where(knows, design.truth[task], rng.integers(n_options, size=len(task)))
    manner = manners[person]
    random = rng.integers(n_options, size=len(task))
    option = np.where(manner == MANNERS.index("random"), random, option)
    option = np.where(manner == MANNERS.index("lazy"), 0, option)
    favourite = rng.integers(n_options, size=crew.size)[person]
    option = np.where((manner == MANNERS.index("biased")) & (rng.random(len(task)) < 0.5), favourite, option)
    blank = (manner == MANNERS.index("blank")) | (rng.random(len(task)) < crew.blank_rate)
    sure = np.where(knows, rng.integers(1, 4, size=len(task)), rng.integers(0, 3, size=len(task)))
    return Ballots(
        task=task,
        annotator=person,
        option=np.where(blank, -1, option),
        confidence=np.where(blank, 0, sure).astype(float),
        blank=blank,
        n_tasks=n,
        n_annotators=crew.size,
        n_options=n_options,
    )
