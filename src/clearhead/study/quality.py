"""The paper's quality control, literally: blank answers, blank annotators, tasks with too few answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import SettingError
from clearhead.study.answers import Answer
from clearhead.study.ballots import Ballots

__all__ = ["MIN_ANSWERS", "Quality", "Rules", "control", "usable"]

MIN_ANSWERS = {"simulate": 2, "spurious": 3, "misclassification": 2}
WEIGHTS = ("confidence", "confidence+1", "equal")
TIES = ("random", "drop", "wrong")
ALL_ZERO = ("equal", "drop")


@dataclass(frozen=True)
class Rules:
    """How answers become one selection a task.

    ``max_blank``, ``min_answers`` and ``weight`` are the paper's. It leaves open what a tie decides (``ties``) and what
    a task decides whose answers all have confidence 0 (``all_zero``; ``equal`` counts heads).
    """

    max_blank: float = 0.8
    min_answers: int = 2
    weight: str = "confidence"
    ties: str = "random"
    all_zero: str = "equal"

    def __post_init__(self) -> None:
        for name, allowed in (("weight", WEIGHTS), ("ties", TIES), ("all_zero", ALL_ZERO)):
            if getattr(self, name) not in allowed:
                raise SettingError(f"no such rule for {name}", got=getattr(self, name), expected=", ".join(allowed))
        if not 0 <= self.max_blank <= 1 or self.min_answers < 1:
            raise SettingError("max_blank lies in [0, 1] and min_answers is at least 1", got=self)


@dataclass(frozen=True)
class Quality:
    """Which ballots stay (mask over all), and what each rule removed."""

    keep: NDArray[np.bool_]
    counts: dict[str, int]


def control(ballots: Ballots, rules: Rules) -> Quality:
    """Drop blank answers, then every answer of mostly blank annotators, then tasks with too few answers left."""
    given = np.bincount(ballots.annotator, minlength=ballots.n_annotators)
    empty = np.bincount(ballots.annotator, ballots.blank, ballots.n_annotators)
    dropped = empty > rules.max_blank * given
    keep = ~ballots.blank & ~dropped[ballots.annotator]
    left = np.bincount(ballots.task[keep], minlength=ballots.n_tasks)
    asked = np.bincount(ballots.task, minlength=ballots.n_tasks) > 0
    enough = left >= rules.min_answers
    by_dropped = int((~ballots.blank & dropped[ballots.annotator]).sum())
    counts = {
        "answers": len(ballots.task),
        "blank_answers": int(ballots.blank.sum()),
        "annotators": int((given > 0).sum()),
        "annotators_dropped": int(dropped.sum()),
        "answers_of_dropped_annotators": by_dropped,
        "tasks": int(asked.sum()),
        "tasks_with_too_few_answers": int((asked & ~enough).sum()),
        "tasks_kept": int(enough.sum()),
    }
    return Quality(keep & enough[ballots.task], counts)


def usable(
    answers: Sequence[Answer], truths: Any, withdrawn: Sequence[str] = ()
) -> tuple[list[Answer], dict[str, int]]:
    """Answers to real tasks of people who did not withdraw; surplus, gold, repeats and unknown ones are counted out."""
    gone = set(withdrawn)
    counts = {"withdrawn": 0, "unknown_task": 0, "surplus": 0, "check_answers": 0, "double": 0}
    seen: set[tuple[str, str]] = set()
    kept = []
    for answer in answers:
        truth = truths.get(answer.task)
        pair = (answer.task, answer.annotator)
        if answer.annotator in gone:
            counts["withdrawn"] += 1
        elif truth is None:
            counts["unknown_task"] += 1
        elif pair in seen:
            counts["double"] += 1
        elif truth.get("gold") or truth.get("repeat_of"):
            counts["check_answers"] += 1
        elif answer.surplus:
            counts["surplus"] += 1
        else:
            kept.append(answer)
        seen.add(pair)
    return kept, counts
