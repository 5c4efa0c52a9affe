"""In which form a task shows how much each pattern counts, so that it does not tell the arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from clearhead.study.tasks.arm import importances
from clearhead.study.tasks.model import Decision, Task

__all__ = ["MOST_LEAK", "Draft", "Form", "arm_leak", "show_importances"]

Draft = tuple[Task, Mapping[str, Any]]
Form = Literal["auto", "numbers", "ranks"]
MOST_LEAK = 0.6  # area under the curve; beyond it whole numbers would tell the arm too often


def show_importances(drafts: Sequence[Draft], form: Form = "auto") -> tuple[list[Draft], Decision]:
    """The tasks with importances in this form (*auto*: ranks where numbers leak), and the decision in words.

    Tasks come with whole numbers, heaviest first; ranks replace them by each pattern's place.
    """
    leak = arm_leak([truth for _, truth in drafts])
    ranked = form == "ranks" or (form == "auto" and leak > MOST_LEAK)
    shown = "ranks (1 is the heaviest), the same in every arm" if ranked else "whole numbers that sum to 100"
    decision = Decision(
        "importances",
        f"importances are shown as {shown}, heaviest first, without sign or scale; as whole numbers the largest one "
        f"alone tells the arms apart with this area under the curve (0.5: not at all; over {MOST_LEAK}: ranks)",
        leak,
    )
    return [(_ranked(task), truth) if ranked else (task, truth) for task, truth in drafts], decision


def _ranked(task: Task) -> Task:
    n = len(task.patterns)
    places = [
        replace(pattern, importance=None, label=f"Importance: {place} of {n}")
        for place, pattern in enumerate(task.patterns, start=1)
    ]
    return replace(task, patterns=tuple(places))


def arm_leak(truths: Sequence[Mapping[str, Any]]) -> float:
    """How well the largest importance separates the first two arms, as an AUC of at least ½."""
    tops: dict[str, list[int]] = {}
    for truth in truths:
        tops.setdefault(truth["arm"], []).append(max(importances(np.asarray(truth["weights"]))))
    if len(tops) < 2:
        return 0.5
    first, second = (np.asarray(tops[name])[:, None] for name in sorted(tops)[:2])
    auc = float(((first > second.T) + 0.5 * (first == second.T)).mean())
    return round(max(auc, 1 - auc), 3)
