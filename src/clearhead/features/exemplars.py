"""Exemplars: for every feature, exactly the rows that activate it most, least, by class, by interval, by relevance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.rows import Rows
from clearhead.core.seeds import torch_generator
from clearhead.features.table import subset

__all__ = ["TopRows", "interval_rows", "top_relevant", "top_rows", "top_rows_by_class"]

_NO_KEY = torch.iinfo(torch.int64).min
_STEP = 1024


class TopRows(NamedTuple):
    """``rows`` int64 (p, k) row numbers, best first, and ``values`` (p, k) their activations.

    Where fewer than k rows qualify, the rest of a line is −1 and NaN.
    """

    rows: Tensor
    values: Tensor


def top_rows(
    rows: Rows,
    k: int,
    *,
    largest: bool = True,
    index: Any = None,
    features: Any = None,
    seed: int = 0,
) -> TopRows:
    """The k rows with the largest (smallest) value of each feature: exact, in one pass.

    Parameters
    ----------
    rows : (n, p); a feature table or anything that reads in blocks.
    index : only these row numbers (the result still holds numbers of ``rows``).
    features : only these columns, in this order.
    seed : rows of equal value are ranked at random (in float64 by row), lest a ReLU's zeros show the file's first rows.

    Examples
    --------
    >>> from clearhead.core.rows import as_rows
    >>> top_rows(as_rows(torch.tensor([[1.0], [3.0], [2.0]])), 2).rows.tolist()
    [[1, 2]]
    """
    sign = torch.ones(1) if largest else -torch.ones(1)
    return _best(rows, k, sign, index, features, seed)


def top_relevant(
    rows: Rows, weight: Tensor, k: int, *, index: Any = None, features: Any = None, seed: int = 0
) -> TopRows:
    """The k rows to whose logit each feature contributes most: largest w_j·f_j, for one class's ``weight`` (p,).

    With a linear head this *is* the relevance that propagation methods estimate. ``values`` are activations f_j.
    """
    chosen = weight if features is None else weight[torch.as_tensor(features)]
    return _best(rows, k, torch.where(chosen < 0, -1.0, 1.0).float(), index, features, seed)


def top_rows_by_class(
    rows: Rows, labels: Tensor, k: int, *, largest: bool = True, features: Any = None, seed: int = 0
) -> dict[int, TopRows]:
    """`top_rows` within the rows of each class of ``labels`` (n,), every row read once."""
    labels = torch.as_tensor(labels)
    members = {c: (labels == c).nonzero().squeeze(1) for c in sorted(set(labels.tolist()))}
    return {
        c: top_rows(rows, k, largest=largest, index=index, features=features, seed=seed) for c, index in members.items()
    }


def interval_rows(
    rows: Rows, edges: Tensor, k: int, *, index: Any = None, features: Any = None, seed: int = 0
) -> list[TopRows]:
    """k random rows of each activation interval: ``edges`` (p, b+1) ascending; the last interval holds its upper edge.

    Returns one `TopRows` an interval, the lowest first, in one pass.
    """
    source, numbers = _chosen(rows, index)
    priority = _priority(len(numbers), seed)
    bests = [_Best(k) for _ in range(edges.shape[1] - 1)]
    for span, block in source.blocks():
        values = _columns(block, features).float()
        order = priority[span, None].expand_as(values)
        bins = torch.searchsorted(edges.float().contiguous(), values.T.contiguous(), right=True).T - 1
        bins[values == edges[:, -1].float()] = len(bests) - 1
        for b, best in enumerate(bests):
            best.update(torch.where(bins == b, order, _NO_KEY), values, span.start)
    return [best.result(numbers) for best in bests]


def _best(rows: Rows, k: int, sign: Tensor, index: Any, features: Any, seed: int) -> TopRows:
    if k < 1:
        raise SettingError("at least one row must be asked for", got=k)
    source, numbers = _chosen(rows, index)
    priority, race = _priority(len(numbers), seed), _Race(k, sign)
    for span, block in source.blocks():
        start = span.start
        while start < span.stop:
            stop = min(span.stop, start + (_STEP if race.full else max(_STEP // 4, 4 * k)))
            values = _columns(block[start - span.start : stop - span.start], features)
            race.update(values, priority[start:stop], start)
            start = stop
    return race.result(numbers)


class _Race:
    """The k best rows of each column. Once k are known, one comparison a value tells which can still win, and only
    those get a key; the bar rises each time the rows seen have doubled, so few ever do."""

    def __init__(self, k: int, sign: Tensor) -> None:
        self.best, self.sign = _Best(k), sign
        self.pending: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self.flush_at = 0

    @property
    def full(self) -> bool:
        """Whether k rows are known."""
        return len(self.best.keys) == self.best.k

    def update(self, values: Tensor, priority: Tensor, start: int) -> None:
        signed = values if bool((self.sign == 1).all()) else values * self.sign.to(values.dtype)
        if not self.full:
            self.best.update(_keys(signed, priority[:, None]), values, start)
            self.flush_at = 2 * (start + len(values))
            return
        bar = (self.best.values[-1] * self.sign).to(values.dtype)
        able = signed >= bar
        if int(able.count_nonzero()) > able.numel() // 50 and values.dtype is not torch.float64:
            # Many ties with the bar, as with a ReLU's zeros: those of too low a priority cannot win either.
            able = (signed > bar) | ((signed == bar) & (priority[:, None] > self.best.keys[-1] & 0xFFFFFFFF))
        place, width = torch.from_numpy(np.flatnonzero(able.numpy())), able.shape[1]
        row, column = place // width, place % width
        keys = _keys(signed[row, column], priority[row])
        self.pending.append((column, keys, row + start, values[row, column]))
        if start + len(values) >= self.flush_at:
            self.flush()
            self.flush_at = 2 * (start + len(values))

    def flush(self) -> None:
        if not self.pending:
            return
        column, keys, row, value = (torch.cat(parts) for parts in zip(*self.pending, strict=True))
        self.pending = []
        column, order = column.sort(stable=True)
        count = torch.bincount(column, minlength=self.best.keys.shape[1])
        place = torch.arange(len(column)) - (count.cumsum(0) - count)[column]
        shape = (int(count.max()), len(count))
        padded = [torch.full(shape, fill, dtype=t.dtype) for t, fill in ((keys, _NO_KEY), (row, 0), (value, 0))]
        for full, part in zip(padded, (keys, row, value), strict=True):
            full[place, column] = part[order]
        self.best.merge(*padded)

    def result(self, numbers: Tensor) -> TopRows:
        self.flush()
        return self.best.result(numbers)


class _Best:
    """The k largest int64 keys a column seen so far, with their rows and values."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.keys = self.rows = self.values = torch.empty(0)

    def update(self, keys: Tensor, values: Tensor, start: int) -> None:
        keys, place = keys.topk(min(self.k, len(keys)), dim=0)
        self.merge(keys, place + start, values.gather(0, place))

    def merge(self, keys: Tensor, rows: Tensor, values: Tensor) -> None:
        """Keep the best of those known and these (m, p)."""
        if len(self.keys):
            keys, rows, values = (
                torch.cat(pair) for pair in ((self.keys, keys), (self.rows, rows), (self.values, values))
            )
        self.keys, order = keys.topk(min(self.k, len(keys)), dim=0)
        self.rows, self.values = rows.gather(0, order), values.gather(0, order)

    def result(self, numbers: Tensor) -> TopRows:
        absent = self.keys == _NO_KEY
        rows = numbers[self.rows.long()].masked_fill(absent, -1)
        return TopRows(rows.T.contiguous(), self.values.masked_fill(absent, float("nan")).T.contiguous())


def _chosen(rows: Rows, index: Any) -> tuple[Rows, Tensor]:
    if index is None:
        return rows, torch.arange(rows.shape[0])
    numbers = torch.as_tensor(index)
    numbers = numbers.nonzero().squeeze(1) if numbers.dtype is torch.bool else numbers.long()
    return subset(rows, numbers), numbers


def _columns(block: Tensor, features: Any) -> Tensor:
    block = block.cpu()
    return block if features is None else block[:, torch.as_tensor(features)]


def _priority(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=torch_generator(seed, "exemplars"))


def _keys(values: Tensor, priority: Tensor) -> Tensor:
    """int64 keys in the order of the values; ties by priority, for float64 (which fills the key) by row."""
    if values.dtype is torch.float64:
        bits = (values + 0.0).view(torch.int64)
        return torch.where(bits < 0, -(bits & 0x7FFFFFFFFFFFFFFF), bits)
    return _ordered_bits(values.float()) + priority


def _ordered_bits(values: Tensor) -> Tensor:
    """float32 → int64 whose order is the floats' own, in steps of 2³²: room below for a tie-breaking priority."""
    bits = (values + 0.0).view(torch.int32).long()  # + 0.0 makes the negative zero a positive one
    return torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits) << 32
