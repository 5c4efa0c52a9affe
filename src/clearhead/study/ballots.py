"""Answers as arrays: who voted for what, how sure, on which task. All statistics work on these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.study.answers import Answer, is_blank

__all__ = ["QUESTIONS", "Ballots", "Question", "cast"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """One thing that is voted on: its options and how an answer's values name one of them (None: not voted)."""

    name: str
    options: tuple[str, ...]
    vote: Callable[[Mapping[str, Any]], str | None]


def _matches(letter: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda values: "yes" if letter in values["matches"] else "no"


QUESTIONS: Mapping[str, tuple[Question, ...]] = {
    "simulate": (Question("choice", ("a", "b", "c"), lambda v: v["choice"]),),
    "spurious": (
        Question("pattern", ("yes", "no"), lambda v: v["pattern"]),
        Question("where_a", ("object", "surroundings"), lambda v: v.get("where_a")),
        Question("where_b", ("object", "surroundings"), lambda v: v.get("where_b")),
    ),
    "misclassification": (
        Question("match_a", ("yes", "no"), _matches("a")),
        Question("match_b", ("yes", "no"), _matches("b")),
        Question("best", ("a", "b"), lambda v: v.get("best")),
    ),
}


@dataclass(frozen=True)
class Ballots:
    """m answers to one question, as four arrays (m,) and the sizes of what they index.

    ``option`` is −1 where the question was not answered, ``blank`` where nothing at all was.
    """

    task: Ints
    annotator: Ints
    option: Ints
    confidence: NDArray[np.float64]
    blank: NDArray[np.bool_]
    n_tasks: int
    n_annotators: int
    n_options: int

    def only(self, keep: NDArray[np.bool_]) -> Ballots:
        """The ballots selected by a mask; the sizes stay."""
        return replace(
            self,
            task=self.task[keep],
            annotator=self.annotator[keep],
            option=self.option[keep],
            confidence=self.confidence[keep],
            blank=self.blank[keep],
        )

    def answered(self) -> Ballots:
        """Those that voted on this question."""
        return self.only(self.option >= 0)

    def tally(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Summed weight per task and option: (n_tasks, n_options)."""
        cell = self.task * self.n_options + self.option
        flat: NDArray[np.float64] = np.bincount(cell, weight, self.n_tasks * self.n_options).astype(np.float64)
        return flat.reshape(self.n_tasks, self.n_options)


def cast(
    answers: Sequence[Answer], kind: str, question: Question, tasks: Mapping[str, int], annotators: Mapping[str, int]
) -> Ballots:
    """The answers' votes on a question; ``tasks`` and ``annotators`` number the names."""
    blank = [is_blank(kind, a.values) for a in answers]
    votes = [None if empty else question.vote(a.values) for a, empty in zip(answers, blank, strict=True)]
    return Ballots(
        task=np.array([tasks[a.task] for a in answers], dtype=np.int64),
        annotator=np.array([annotators[a.annotator] for a in answers], dtype=np.int64),
        option=np.array([-1 if v is None else question.options.index(v) for v in votes], dtype=np.int64),
        confidence=np.array([float(a.values.get("confidence", 0)) for a in answers]),
        blank=np.array(blank, dtype=bool),
        n_tasks=len(tasks),
        n_annotators=len(annotators),
        n_options=len(question.options),
    )
