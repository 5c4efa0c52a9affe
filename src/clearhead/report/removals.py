"""What removing each single feature does, exactly, on a whole split: the numbers that the edit page quotes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from clearhead.core.rows import Rows
from clearhead.head import SparseHead
from clearhead.report.blocks import blocks

__all__ = ["removals"]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def removals(head: SparseHead, rows: Rows, labels: Tensor, *, split: str = "test") -> dict[str, Any]:
    """Fixed and broken rows for the removal of every used feature from all classes, in one pass over the rows.

    Parameters
    ----------
    head : the selected head, for one class a row.
    rows, labels : raw features (n, p) and class numbers (n,).

    Returns
    -------
    ``n``, ``split``, ``accuracy``; per used feature ``feature``, ``fixed``, ``broken``; and, where a class gains or
    loses, ``entry`` (which feature), ``column`` (true class) and ``gained`` (rows, negative for losses).
    """
    used, n, p = head.used(), *rows.shape
    weights = _Weights(head.link.logits(head.weight[used].double().cpu()).numpy())
    tally = _Tally(*weights.shape)
    right = 0
    for span, block in rows.blocks(_rows_at_once(p, head.n_classes)):
        z = head.standardize(block.cpu())[:, used].double().numpy()
        logits, truth = head(block.cpu()).double().numpy(), labels[span].numpy()
        best = logits.argmax(1)
        right += int((best == truth).sum())
        for row, entry in weights.pairs(logits, best, z):
            now = (logits[row] - z[row, entry, None] * weights.dense[entry]).argmax(1)
            tally.add(entry, truth[row], (now == truth[row]).astype(int) - (best[row] == truth[row]))
    return {"n": n, "split": split, "accuracy": right / max(n, 1), "feature": _small(used.numpy()), **tally.columns()}


def _rows_at_once(p: int, k: int) -> int:
    return int(next(blocks(2**31, 8 * (p + k))).stop)


def _small(values: Ints) -> npt.NDArray[np.int32]:
    return values.astype(np.int32)


class _Weights:
    """The nonzero weights (u, k) of the used features, in chunks of features that many rows can be tried with."""

    def __init__(self, dense: Floats) -> None:
        self.dense, self.shape = dense, dense.shape
        self.feature, self.column = np.nonzero(dense)
        self.start = np.searchsorted(self.feature, np.arange(len(dense) + 1))

    def pairs(self, logits: Floats, best: Ints, z: Floats) -> Iterator[tuple[Ints, Ints]]:
        """(rows, features) whose removal may change the row's answer; every other one cannot.

        A row can only change its answer if its own best class is touched or a touched one rises to it.
        """
        top = logits[np.arange(len(logits)), best][:, None]
        for part in self._chunks(8 * len(logits)):
            entries = slice(self.start[part.start], self.start[part.stop])
            feature, column = self.feature[entries], self.column[entries]
            changed = logits[:, column] - z[:, feature] * self.dense[feature, column]
            able = (changed >= top) | (column == best[:, None])
            may = np.logical_or.reduceat(able, self.start[part] - self.start[part.start], axis=1)
            row, entry = may.nonzero()
            for some in blocks(len(row), 8 * self.shape[1]):
                yield row[some], entry[some] + part.start

    def _chunks(self, entry_bytes: int) -> Iterator[slice]:
        """Runs of features whose weights, a number each for every row, fit in a block."""
        first = 0
        for entries in blocks(len(self.feature), entry_bytes):
            last = int(self.feature[entries.stop - 1]) + 1
            if last > first:
                yield slice(first, last)
                first = last


class _Tally:
    """Rows fixed and broken by each feature's removal, and what each class gains: only entries that are not zero."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        self.fixed, self.broken = np.zeros(n_features, np.int64), np.zeros(n_features, np.int64)
        self.n_classes = n_classes
        self.gained: dict[int, int] = {}

    def add(self, feature: Ints, truth: Ints, change: Ints) -> None:
        np.add.at(self.fixed, feature[change > 0], 1)
        np.add.at(self.broken, feature[change < 0], 1)
        moved = change != 0
        keys = (feature[moved] * self.n_classes + truth[moved]).tolist()
        for key, step in zip(keys, change[moved].tolist(), strict=True):
            self.gained[key] = self.gained.get(key, 0) + step

    def columns(self) -> dict[str, npt.NDArray[np.int32]]:
        found = np.array(sorted(key for key, value in self.gained.items() if value), np.int64)
        return {
            "fixed": _small(self.fixed),
            "broken": _small(self.broken),
            "entry": _small(found // max(self.n_classes, 1)),
            "column": _small(found % max(self.n_classes, 1)),
            "gained": np.array([self.gained[key] for key in found.tolist()], np.int32),
        }
