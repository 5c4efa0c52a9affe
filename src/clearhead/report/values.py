"""The activations that ship with a page: 16 bits each, and the proof that they still give Python's predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.report.blocks import blocks
from clearhead.report.bundle import Examples, Floats, Head, Values
from clearhead.report.shards import LIMIT

__all__ = ["Packed", "Predictions", "pack_values", "predictions"]

_LEVELS = 65535


@dataclass(frozen=True, eq=False)
class Packed:
    """Values z ≈ low + step·q, q of 16 bits, feature by feature; ``per_block`` features fill one shard.

    The 16-bit numbers are made from ``exact`` (n, u) a part at a time, so no second copy of the sample is held.
    """

    exact: Values
    low: npt.NDArray[np.float32]
    step: npt.NDArray[np.float32]
    per_block: int

    @property
    def n_blocks(self) -> int:
        return -(-len(self.low) // self.per_block)

    def blocks(self) -> Iterator[npt.NDArray[np.uint16]]:
        """(features, n) blocks in order."""
        n, u = self.exact.shape
        for start in range(0, u, self.per_block):
            count = min(self.per_block, u - start)
            block = np.empty((count, n), np.uint16)
            for part in blocks(count, 8 * n):
                block[part] = self._rounded(slice(None), slice(start + part.start, start + part.stop)).T
            yield block

    def values(self, rows: slice = slice(None)) -> npt.NDArray[np.float64]:
        """(n, u) values of some rows exactly as the page decodes them."""
        return self.decoded(self.exact[rows, :])

    def decoded(self, exact: Floats) -> npt.NDArray[np.float64]:
        """(m, u) exact values as the page decodes them."""
        levels = self._levels(exact, slice(None))
        return self.low.astype(np.float64) + self.step.astype(np.float64) * levels

    def _rounded(self, rows: slice, features: slice) -> npt.NDArray[np.uint16]:
        return self._levels(self.exact[rows, features], features).astype(np.uint16)

    def _levels(self, exact: Floats, features: slice) -> npt.NDArray[np.float64]:
        low, step = self.low[features].astype(np.float64), self.step[features].astype(np.float64)
        inverse = np.divide(1.0, step, out=np.zeros(len(step)), where=step > 0)
        levels = np.subtract(exact, low, dtype=np.float64)
        levels *= inverse
        np.rint(levels, out=levels)
        return np.clip(levels, 0, _LEVELS, out=levels)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Python's predictions from the exact values, and where the shipped ones could or do differ."""

    predicted: npt.NDArray[np.int64] | npt.NDArray[np.bool_]
    near_tie: npt.NDArray[np.bool_]
    differ: int


def pack_values(values: Values) -> Packed:
    """Round (n, u) values to 65,536 levels between each feature's least and greatest value."""
    n, u = values.shape
    low, high = np.zeros(u), np.zeros(u)
    for part in blocks(u if n else 0, 4 * n):
        block = values[:, part]
        low[part], high[part] = block.min(0), block.max(0)
    bottom = low.astype(np.float32)
    step = ((high - bottom) / _LEVELS).astype(np.float32)
    per_block = max(int(LIMIT * 0.74) // max(2 * n, 1), 1)
    return Packed(values, bottom, step, per_block)


def predictions(head: Head, examples: Examples, packed: Packed) -> Predictions:
    """Predict from the exact and from the shipped numbers; mark rows whose margin the rounding could close."""
    stored = Head(head.feature, head.column, head.weight.astype(np.float32), head.intercept.astype(np.float32))
    ours, theirs = (_scorer(h, examples) for h in (head, stored))
    parts = [_compared(np.zeros((0, head.n_classes)), np.zeros((0, head.n_classes)), examples.many_labels)]
    for rows in blocks(len(examples), 8 * (len(examples.features) + head.n_classes)):
        block = np.asarray(examples.values[rows, :], np.float64)
        parts.append(_compared(ours(block), theirs(packed.decoded(block)), examples.many_labels))
    return Predictions(
        np.concatenate([p.predicted for p in parts]),
        np.concatenate([p.near_tie for p in parts]),
        sum(p.differ for p in parts),
    )


def _scorer(head: Head, examples: Examples) -> Callable[[Floats], Floats]:
    """A head's scores of blocks of the examples' values; its matrix is made once."""
    matrix, intercept = head.matrix(examples.features), np.asarray(head.intercept, np.float64)
    return lambda block: (matrix @ block.T).T + intercept


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
