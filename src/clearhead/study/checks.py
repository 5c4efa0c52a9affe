"""What gold tasks and repeats say about annotators: accuracy on known answers, agreement with oneself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from clearhead.core.finding import Table
from clearhead.study.answers import FIELDS, Answer
from clearhead.study.tasks.model import Study

__all__ = ["check_table"]


def check_table(study: Study, answers: Sequence[Answer]) -> Table:
    """Per annotator: gold tasks answered and right, repeats answered and the same as the first time."""
    main = FIELDS[study.kind][0]
    said: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for answer in answers:
        said[answer.annotator][answer.task] = answer.values
    rows = []
    for person in sorted(said):
        right, same = [], []
        for task, values in said[person].items():
            truth = study.key.truths.get(task, {})
            if truth.get("gold"):
                right.append(values.get(main) == truth["values"].get(main))
            elif (original := truth.get("repeat_of")) in said[person]:
                same.append(values.get(main) == said[person][original].get(main))
        if right or same:
            rows.append((person, len(right), sum(right), len(same), sum(same)))
    names = ("annotator", "gold", "gold_right", "repeats", "repeats_same")
    return Table({name: [row[i] for row in rows] for i, name in enumerate(names)})
