"""Labels with too few positives to fit or to judge, where many labels hold at once: named, or merged on request."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.features.split import Split
from clearhead.features.table import FeatureTable

__all__ = ["FEWEST_TRAIN", "FEWEST_VAL", "RareLabel", "merge_rare", "rare_labels"]

FEWEST_TRAIN, FEWEST_VAL = 10, 5


@dataclass(frozen=True)
class RareLabel:
    """A label with fewer than 10 positives in training or 5 in validation."""

    number: int
    name: str
    train: int
    val: int

    def __str__(self) -> str:
        return f"{self.name} ({self.train} in training, {self.val} in validation)"


def rare_labels(labels: Tensor, split: Split, names: list[str]) -> list[RareLabel]:
    """The rare ones among labels (n, m) of {0, 1}; none where rows have one label (n,) each."""
    if labels.ndim == 1:
        return []
    counts = zip(names, labels[split.train].sum(0).tolist(), labels[split.val].sum(0).tolist(), strict=True)
    found = [RareLabel(c, name, int(train), int(val)) for c, (name, train, val) in enumerate(counts)]
    return [label for label in found if label.train < FEWEST_TRAIN or label.val < FEWEST_VAL]


def merge_rare(table: FeatureTable, split: Split) -> FeatureTable:
    """The same table with its rare labels as one, "rare: threat + insult", that holds where any of them does.

    Where the rare ones together are still rare, or there is only one, the next rarest label joins them. The network's
    own head has no such label, so the table keeps none; its predictions are merged likewise. A table without a rare
    label is returned as it is.
    """
    if table.labels is None:
        return table
    chosen = _group(table.labels, split, table.class_names)
    if not chosen:
        return table
    names = table.class_names
    others = [c for c in range(len(names)) if c not in chosen]
    merged = f"rare: {' + '.join(names[c] for c in chosen)}"
    prediction = None if table.prediction is None else _joined(table.prediction, others, chosen)
    return table.relabelled(
        _joined(table.labels, others, chosen),
        [*(names[c] for c in others), merged],
        prediction=prediction,
        key=content_key(table.key, "merged", chosen),
    )


def _group(labels: Tensor, split: Split, names: list[str]) -> list[int]:
    """The labels to merge, ascending: at least two, and together not rare if that can be had."""
    chosen = [label.number for label in rare_labels(labels, split, names)]
    rest = [c for c in labels[split.train].sum(0).argsort(stable=True).tolist() if c not in chosen]
    while chosen and rest and (len(chosen) < 2 or _is_rare(labels[:, chosen].amax(1), split)):
        chosen.append(rest.pop(0))
    return sorted(chosen)


def _is_rare(label: Tensor, split: Split) -> bool:
    return int(label[split.train].sum()) < FEWEST_TRAIN or int(label[split.val].sum()) < FEWEST_VAL


def _joined(matrix: Tensor, others: list[int], chosen: list[int]) -> Tensor:
    return torch.cat([matrix[:, others], matrix[:, chosen].amax(1, keepdim=True)], 1)
