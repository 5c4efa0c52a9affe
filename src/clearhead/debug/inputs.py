"""What the analyses are given, checked at the door: labels, predictions, rows; and the table of a set of estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Table
from clearhead.core.rows import as_rows
from clearhead.debug.intervals import proportion
from clearhead.head import SparseHead

__all__ = ["Part", "agreement", "class_numbers", "estimates_table", "label_head", "never_predicted", "predicted"]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the data to judge on: raw features (n, p) or `Rows`, classes (n,), and a group name a row if known."""

    features: Any
    labels: Any
    groups: Any = None


def predicted(head: SparseHead, features: Any) -> Tensor:
    """(n,) class numbers that a head predicts, block by block."""
    rows = as_rows(features)
    return class_numbers(torch.cat([head.predict(block.float()).cpu() for _, block in rows.blocks()]), "predictions")


def never_predicted(head: SparseHead, guess: Tensor, target: Tensor) -> str | None:
    """A caveat that names the classes which have rows but are never predicted; None if there are none."""
    missing = sorted(set(target.tolist()) - set(guess.tolist()))
    if not missing:
        return None
    names = ", ".join(head.class_names[c] for c in missing[:5])
    return f"Never predicted on these rows: {names}{' …' if len(missing) > 5 else ''}."


def label_head(head: SparseHead, label: int | str) -> SparseHead:
    """One label of a head for many labels at once, as a head with one score: "not LABEL" against "LABEL"."""
    if head.link.name != "multilabel":
        raise DataError("the head is not one of many labels at once", got=f"link {head.link.name}")
    c = head.class_number(label)
    name = head.class_names[c]
    return SparseHead(
        head.weight[:, [c]],
        head.intercept[[c]],
        head.standardizer,
        link="margin",
        class_names=(f"not {name}", name),
        feature_names=head.feature_names,
    )


def class_numbers(labels: Any, what: str = "labels") -> Tensor:
    """(n,) int64 class numbers; `DataError` for a matrix of labels."""
    target = torch.as_tensor(np.asarray(labels)) if not isinstance(labels, Tensor) else labels
    if target.ndim != 1:
        raise DataError(
            f"{what}: labels must be one class a row",
            got=f"shape {tuple(target.shape)}",
            fix="analyse many labels one at a time: each has its own head",
        )
    return target.to(torch.int64)


def agreement(guess: Tensor, target: Tensor, name: str) -> Estimate:
    """Share of equal entries of two (n,) tensors, with its interval; `DataError` names the split if lengths differ."""
    if len(guess) != len(target):
        raise DataError(f"{name}: predictions do not match rows", got=len(guess), expected=len(target))
    if len(target) == 0:
        raise DataError(f"{name}: there are no rows to compare", fix="leave this split out, or give it rows")
    return proportion(int((guess.cpu() == target.cpu()).sum()), len(target))


def estimates_table(key: str, estimates: Mapping[str, Estimate]) -> Table:
    """A table with one row an estimate, its name in column ``key``."""
    e = list(estimates.values())
    return Table(
        {
            key: list(estimates),
            "value": [x.value for x in e],
            "low": [x.low for x in e],
            "high": [x.high for x in e],
            "n": [x.n for x in e],
        }
    )
