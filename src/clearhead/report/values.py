"""The activations that ship with a page: 16 bits each, and the proof that they still give Python's predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.report.bundle import Examples, Floats, Head
from clearhead.report.shards import LIMIT

__all__ = ["Packed", "Predictions", "pack_values", "predictions"]

_LEVELS = 65535
_ROWS = 512  # rows compared at once


@dataclass(frozen=True, eq=False)
class Packed:
    """Values z ≈ low + step·q, q of 16 bits, feature by feature; ``per_block`` features fill one shard.

    The 16-bit numbers are made from ``exact`` (n, u) a part at a time, so no second copy of the sample is held.
    """

    exact: Floats
    low: npt.NDArray[np.float32]
    step: npt.NDArray[np.float32]
    per_block: int

    @property
    def n_blocks(self) -> int:
        return -(-len(self.low) // self.per_block)

    def blocks(self) -> Iterator[npt.NDArray[np.uint16]]:
        """(features, n) blocks in order."""
        for start in range(0, len(self.low), self.per_block):
            part = slice(start, start + self.per_block)
            yield np.ascontiguousarray(self._rounded(slice(None), part).T)

    def values(self, rows: slice = slice(None)) -> npt.NDArray[np.float64]:
        """(n, u) values of some rows exactly as the page decodes them."""
        return self.low.astype(np.float64) + self.step.astype(np.float64) * self._rounded(rows, slice(None))

    def _rounded(self, rows: slice, features: slice) -> npt.NDArray[np.uint16]:
        low, step = self.low[features].astype(np.float64), self.step[features].astype(np.float64)
        inverse = np.divide(1.0, step, out=np.zeros(len(step)), where=step > 0)
        levels = (np.asarray(self.exact[rows, features], np.float64) - low) * inverse
        return np.clip(np.rint(levels), 0, _LEVELS).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Python's predictions from the exact values, and where the shipped ones could or do differ."""

    predicted: npt.NDArray[np.int64] | npt.NDArray[np.bool_]
    near_tie: npt.NDArray[np.bool_]
    differ: int


def pack_values(values: Floats) -> Packed:
    """Round (n, u) values to 65,536 levels between each feature's least and greatest value."""
    exact = np.asarray(values)
    n, u = exact.shape
    low = (exact.min(0) if n else np.zeros(u)).astype(np.float32)
    span = (exact.max(0) if n else np.zeros(u)).astype(np.float64) - low
    step = (span / _LEVELS).astype(np.float32)
    per_block = max(int(LIMIT * 0.74) // max(2 * n, 1), 1)
    return Packed(exact, low, step, per_block)


def predictions(head: Head, examples: Examples, packed: Packed) -> Predictions:
    """Predict from the exact and from the shipped numbers; mark rows whose margin the rounding could close."""
    stored = Head(head.feature, head.column, head.weight.astype(np.float32), head.intercept.astype(np.float32))
    parts = []
    for start in range(0, max(len(examples), 1), _ROWS):
        rows = slice(start, start + _ROWS)
        exact = head.scores(examples.values[rows], examples.features)
        parts.append(_compared(exact, stored.scores(packed.values(rows), examples.features), examples.many_labels))
    return Predictions(
        np.concatenate([p.predicted for p in parts]),
        np.concatenate([p.near_tie for p in parts]),
        sum(p.differ for p in parts),
    )


def _compared(exact: Floats, rounded: Floats, many_labels: bool) -> Predictions:
    error = np.abs(exact - rounded).max(1, initial=0.0)
    if many_labels:
        predicted, differs = exact > 0, ((exact > 0) != (rounded > 0)).any(1)
        near = np.abs(exact).min(1) <= error + 1e-9
        return Predictions(predicted, near | differs, int(differs.sum()))
    predicted, differs = exact.argmax(1), exact.argmax(1) != rounded.argmax(1)
    # Twice the largest change of any score closes a gap between two of them.
    near = _margin(exact) <= 2 * error + 1e-9
    return Predictions(predicted, near | differs, int(differs.sum()))


def _margin(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf)
    two = np.partition(logits, -2, axis=1)[:, -2:]
    margin: npt.NDArray[np.float64] = two[:, 1] - two[:, 0]
    return margin
