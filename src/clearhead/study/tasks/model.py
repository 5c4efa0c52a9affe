"""What a study is made of: things shown, tasks, the rules that made them, and the key that annotators never see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from clearhead.core.errors import SettingError

__all__ = ["KINDS", "LETTERS", "Decision", "Key", "Shown", "Study", "Task", "conceal"]

KINDS = ("simulate", "spurious", "misclassification")
LETTERS = "abcdefghij"


@dataclass(frozen=True)
class Shown:
    """One thing on the page: pictures, weighted words or sentences, with a label or an importance if it has one."""

    media: tuple[str, ...] = ()
    words: tuple[tuple[str, float], ...] = ()
    texts: tuple[str, ...] = ()
    label: str = ""
    importance: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; fields that are empty are left out."""
        return {name: value for name, value in asdict(self).items() if value not in ((), "", None)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Shown:
        return cls(
            media=tuple(data.get("media", ())),
            words=tuple((str(w), float(x)) for w, x in data.get("words", ())),
            texts=tuple(data.get("texts", ())),
            label=data.get("label", ""),
            importance=data.get("importance"),
        )


@dataclass(frozen=True)
class Task:
    """One question to one person, without arm or truth.

    ``patterns`` are features, ``candidates`` are inputs: five and three in *simulate*; none and two labelled groups in
    *spurious*; two and one in *misclassification*. What is answered names them by letter, in the order given here.
    """

    id: str
    kind: str
    patterns: tuple[Shown, ...] = ()
    candidates: tuple[Shown, ...] = ()

    def shown(self) -> Iterator[Shown]:
        """Everything on the page."""
        yield from self.patterns
        yield from self.candidates

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready data; `from_dict` is its inverse."""
        return {
            "id": self.id,
            "kind": self.kind,
            "patterns": [x.as_dict() for x in self.patterns],
            "candidates": [x.as_dict() for x in self.candidates],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        return cls(
            id=data["id"],
            kind=data["kind"],
            patterns=tuple(Shown.from_dict(x) for x in data["patterns"]),
            candidates=tuple(Shown.from_dict(x) for x in data["candidates"]),
        )


@dataclass(frozen=True)
class Decision:
    """A hole in the protocol's text: what was decided, and on how many of how many cases it mattered."""

    name: str
    rule: str
    count: int | float | None = None
    of: int | None = None

    def sentence(self) -> str:
        """The rule with its count.

        >>> Decision("few", "fewer than five are shown as they are", 3, 20).sentence()
        'fewer than five are shown as they are (3 of 20).'
        """
        if self.count is None:
            return f"{self.rule}."
        return f"{self.rule} ({self.count}{'' if self.of is None else f' of {self.of}'})."


@dataclass(frozen=True)
class Key:
    """What only the analyst may see: the seed, every task's arm and truth, and what each picture is of."""

    seed: int
    truths: Mapping[str, Mapping[str, Any]]
    media: Mapping[str, str]


@dataclass(frozen=True)
class Study:
    """Tasks of one kind, the settings and decisions that made them, and their key (stored apart).

    ``answers_per_task`` people are asked each task (the paper: 5).
    """

    kind: str
    title: str
    tasks: tuple[Task, ...]
    key: Key
    settings: Mapping[str, Any] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    answers_per_task: int = 5
    content_warning: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingError("no such kind of study", got=self.kind, expected=", ".join(KINDS))

    def task(self, name: str) -> Task:
        """The task of that id; `KeyError` if there is none."""
        return next(t for t in self.tasks if t.id == name)


def conceal(
    drafts: Sequence[tuple[Task, Mapping[str, Any]]], seed: int, rng: np.random.Generator
) -> tuple[tuple[Task, ...], Key]:
    """Shuffle tasks and give tasks and pictures numbers that say nothing about arm, class or truth."""
    tasks: list[Task] = []
    truths: dict[str, Mapping[str, Any]] = {}
    names: dict[str, str] = {}
    order = rng.permutation(len(drafts))
    sources = sorted({source for task, _ in drafts for shown in task.shown() for source in shown.media})
    for number, at in enumerate(rng.permutation(len(sources)), start=1):
        names[sources[at]] = f"m{number:05d}"
    for number, at in enumerate(order, start=1):
        task, truth = drafts[at]
        name = f"t{number:05d}"
        tasks.append(
            replace(
                task,
                id=name,
                patterns=tuple(_renamed(x, names) for x in task.patterns),
                candidates=tuple(_renamed(x, names) for x in task.candidates),
            )
        )
        truths[name] = truth
    return tuple(tasks), Key(seed, truths, {name: source for source, name in names.items()})


def _renamed(shown: Shown, names: Mapping[str, str]) -> Shown:
    return replace(shown, media=tuple(names[source] for source in shown.media))
