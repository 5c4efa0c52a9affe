"""Which directions of which features are explained, and by which examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.explain.subject import Subject
from clearhead.features.exemplars import top_rows

__all__ = ["Direction", "directions", "exemplar_rows", "label"]

Direction = tuple[int, int]
CHOICES = ("weight", "positive", "negative", "both")


def directions(subject: Subject, features: Sequence[int], choice: str) -> list[Direction]:
    """(feature, sign) pairs: the sign of its largest weight, up, down, or up and down; constant features drop out."""
    if choice not in CHOICES:
        raise SettingError("unknown direction", got=choice, expected=", ".join(CHOICES))
    live = [j for j in features if float(subject.head.scale[j]) > 0]
    signs = {"positive": (1,), "negative": (-1,), "both": (1, -1)}
    return [(j, sign) for j in live for sign in signs.get(choice, (subject.sign(j),))]


def constant_note(subject: Subject, features: Sequence[int]) -> tuple[str, ...]:
    """A caveat that names the features that never vary, if there are any."""
    flat = [subject.head.feature_names[j] for j in features if float(subject.head.scale[j]) == 0]
    shown = ", ".join(flat[:10]) + (", …" if len(flat) > 10 else "")
    return (f"Never varying, and so not explained: {shown}.",) if flat else ()


def exemplar_rows(subject: Subject, wanted: Sequence[Direction], k: int, seed: int) -> dict[Direction, Tensor]:
    """The k rows that drive each (feature, sign) furthest, among those that may be shown; ties seeded."""
    found: dict[Direction, Tensor] = {}
    for sign in (1, -1):
        columns = [j for j, s in wanted if s == sign]
        if columns:
            best = top_rows(
                subject.table, k, largest=sign > 0, index=subject.rows, features=torch.tensor(columns), seed=seed
            )
            found |= {(j, sign): rows[rows >= 0] for j, rows in zip(columns, best.rows, strict=True)}
    return {direction: found[direction] for direction in wanted}


def label(direction: Direction) -> str:
    """The name of a direction in media and files: "12+" or "12-".

    >>> label((12, -1))
    '12-'
    """
    return f"{direction[0]}{'+' if direction[1] > 0 else '-'}"
