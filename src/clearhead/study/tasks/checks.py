"""Optional checks inside a study: tasks with a known answer, and tasks asked twice of the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clearhead.core.errors import SettingError
from clearhead.core.seeds import numpy_generator
from clearhead.study.tasks.model import Decision, Key, Study, Task

__all__ = ["with_gold", "with_repeats"]


def with_repeats(study: Study, count: int, *, seed: int = 0) -> Study:
    """The study with ``count`` of its tasks asked again, of people who answered the first; for self-agreement only."""
    if not 0 < count <= len(study.tasks):
        raise SettingError("the number of repeats lies between 1 and the number of tasks", got=count)
    chosen = numpy_generator(seed, "repeats").choice(len(study.tasks), size=count, replace=False)
    originals = [study.tasks[i] for i in sorted(chosen)]
    added = [replace(task, id=name) for task, name in zip(originals, _new_names(study, count), strict=True)]
    pairs = {new.id: old.id for new, old in zip(added, originals, strict=True)}
    truths = {new: {**study.key.truths[old], "repeat_of": old} for new, old in pairs.items()}
    rule = Decision("repeats", "tasks asked again of the same person; they enter no rate", count)
    return _grown(study, added, truths, rule, {"repeats_of": {**study.settings.get("repeats_of", {}), **pairs}})


def with_gold(study: Study, gold: Sequence[tuple[Task, Mapping[str, Any]]]) -> Study:
    """The study with tasks whose right answer everyone should find: (task, values of the right answer) each.

    Pictures of gold tasks must be among the study's own (their ids are used as they are).
    """
    if any(task.kind != study.kind for task, _ in gold):
        raise SettingError("gold tasks are of the study's kind", expected=study.kind)
    names = _new_names(study, len(gold))
    added = [replace(task, id=name) for (task, _), name in zip(gold, names, strict=True)]
    truths = {name: {"gold": True, "values": dict(values)} for (_, values), name in zip(gold, names, strict=True)}
    rule = Decision("gold", "tasks with a known answer, to judge annotators by; they enter no rate", len(gold))
    return _grown(study, added, truths, rule, {})


def _new_names(study: Study, count: int) -> list[str]:
    return [f"t{len(study.tasks) + i:05d}" for i in range(1, count + 1)]


def _grown(
    study: Study,
    added: Sequence[Task],
    truths: Mapping[str, Mapping[str, Any]],
    rule: Decision,
    settings: Mapping[str, Any],
) -> Study:
    return replace(
        study,
        tasks=(*study.tasks, *added),
        key=Key(study.key.seed, {**study.key.truths, **truths}, study.key.media),
        settings={**study.settings, **settings},
        decisions=(*study.decisions, rule),
    )
