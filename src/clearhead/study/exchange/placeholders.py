"""Things on a page as named slots, for tools that fill one template from many rows."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clearhead.study.tasks.model import LETTERS, Shown, Study, Task

__all__ = ["Slot", "SlotTask", "by_shape", "named_things", "snippet", "suffix"]

Shape = tuple[int, int, tuple[tuple[int, bool, int], ...]]


@dataclass(frozen=True)
class Slot:
    """A thing whose content is filled in by the other tool; ``slot`` is ready HTML."""

    slot: object
    label: str
    importance: str | None
    media: tuple[str, ...] = ()
    words: tuple[tuple[str, float], ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class SlotTask:
    """Looks like a `Task` to the templates."""

    kind: str
    patterns: tuple[Slot, ...]
    candidates: tuple[Slot, ...]


def named_things(task: Task) -> Iterator[tuple[str, Shown]]:
    """The things of a task with stable names: pattern_a, pattern_b, …, candidate_a, …"""
    for kind, things in (("pattern", task.patterns), ("candidate", task.candidates)):
        for letter, thing in zip(LETTERS, things, strict=False):
            yield f"{kind}_{letter}", thing


def by_shape(study: Study) -> list[list[Task]]:
    """Tasks that one template can show: as many things, with as many pictures, words and sentences each."""
    groups: dict[Shape, list[Task]] = defaultdict(list)
    for task in study.tasks:
        shape = tuple((len(x.media), bool(x.words), len(x.texts)) for x in task.shown())
        groups[len(task.patterns), len(task.candidates), shape].append(task)
    return [groups[shape] for shape in sorted(groups)]


def suffix(number: int, total: int) -> str:
    """What tells the files of several shapes apart; nothing when there is one."""
    return "" if total == 1 else f"_{number + 1}"


def snippet(shown: Shown, what: str, picture: Callable[[str], str]) -> str:
    """The thing as HTML."""
    parts = [
        f'<img src="{html.escape(picture(m))}" alt="{html.escape(what)}" style="max-width:100%">' for m in shown.media
    ]
    if shown.words:
        parts.append(f"<p>{html.escape(', '.join(word for word, _ in shown.words))}</p>")
    parts += [f"<blockquote>{html.escape(text)}</blockquote>" for text in shown.texts]
    return "".join(parts)
