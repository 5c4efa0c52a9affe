"""A design whose rows stay where they are stored and pass by in blocks: data larger than memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import Rows, TensorRows, touched
from clearhead.core.scaling import Standardizer
from clearhead.glm.block import Block, some_columns
from clearhead.glm.design import Design
from clearhead.glm.designs.copies import blocks_ahead
from clearhead.glm.designs.dense import DenseDesign
from clearhead.glm.products import compute_dtype, padded_width

__all__ = ["StreamedDesign"]

ENOUGH = 1 << 19  # rows of a rank that tell products of features to a thousandth or two
STRIDES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)  # primes: rows often come in rounds of their classes
INNER = 8  # float64 numbers that a solve on the kept features has for each of them and each output


class StreamedDesign(Design):
    """Blocks of rows that are not in memory are read by a thread while the block before is standardised and multiplied
    at once.

    Features that `narrowed` has kept in memory serve every product with weights on them alone, and a residual that is
    the last one up to rounding gets the last answer: what is left to read is one pass a certificate.
    """

    costly: ClassVar[bool] = True

    def __init__(
        self, source: Rows, scaler: Standardizer, weight: Tensor, total: float, device: Any, spare: int = 1 << 30
    ) -> None:
        """``spare``: bytes that kept features may take."""
        self._device = torch.device(device)
        self._dtype = compute_dtype(source.dtype)
        super().__init__(weight.to(self._device, self._dtype), total)
        self.source, self.scaler, self.spare = source, scaler, spare
        self.kept: tuple[Tensor, Design] | None = None
        self._last: tuple[Tensor, Tensor] | None = None
        self._buffer: Tensor | None = None
        self._user: Callable[[], Design | None] = lambda: None

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.shape

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def work(self) -> float:
        return 2 * super().work  # what is read is converted and standardised

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        self.reads += 1
        return self._read()

    def all_rows(self) -> Block | None:
        values = self._here
        return None if values is None else Block(values.detach(), *self._units())

    def holding(self, features: Tensor) -> tuple[Design, Tensor | None]:
        if self.kept is None or not self._keeps(features):
            return super().holding(features)
        known, design = self.kept
        place = torch.empty(self.shape[1], dtype=torch.int64, device=known.device)
        place[known] = torch.arange(len(known), device=known.device)
        return design, place[features]

    def _keeps(self, features: Tensor) -> bool:
        """Whether all of them are in memory."""
        return self.kept is not None and bool(torch.isin(features, self.kept[0]).all())

    def times(self, W: Tensor) -> Tensor:
        W = W.to(self.device, self.dtype)
        used = (W != 0).any(1)
        if self.kept is not None and self._keeps(used.nonzero().flatten()):
            return self.kept[1].times(W[self.kept[0]])
        out = torch.zeros(self.shape[0], padded_width(W.shape[1], self.device), dtype=self.dtype, device=self.device)
        if bool(used.any()):
            for span, block in self.blocks():
                block.times(W, out[span])
        return out

    def against(self, T: Tensor, outputs: int) -> Tensor:
        if self._last is not None and self._repeated(T):
            return self._last[1][:, :outputs].clone()
        sums = torch.zeros(self.shape[1], outputs, dtype=torch.float64, device=self.device)
        for span, block in self.blocks():
            part = T[span] if self.uniform else T[span] * self.weight[span, None]
            sums += block.against(part, outputs)
        answer = distributed.all_reduce(sums) / self.total
        self.remember(T, answer)
        return answer.clone()

    def remember(self, T: Tensor, answer: Tensor) -> None:
        self._last = (T, answer)

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        return self._gram_of(self.blocks(), left, right)

    def rows(self, index: Tensor) -> Tensor:
        return self.scaler.transform(self.source.take(index).to(self.device))

    def row_norms(self) -> Tensor:
        return torch.cat([block.dense().square().sum(1) for _, block in self.blocks()])

    def mean_squares(self) -> Tensor:
        sums = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        for span, block in self.blocks():
            sums += self.weight[span].double() @ block.dense().double().square()
        return distributed.all_reduce(sums) / self.total

    def reweighted(self, weight: Tensor) -> StreamedDesign:
        return StreamedDesign(self.source, self.scaler, weight, self.total, self.device, self.spare)

    def thinned(self) -> Design:
        """Every m-th row of many that are in memory; rows that are not would all be read for it."""
        most = self.total / distributed.world_size() / ENOUGH
        every = max((m for m in STRIDES if m <= most), default=1)
        if every == 1 or not isinstance(self.source, TensorRows):
            return self
        weight = self.weight[::every]
        total = float(distributed.all_reduce(weight.double().sum()))
        if total < self.total / every / 2:  # the rows that count are others
            return self
        rows = TensorRows(self.source.values[::every])
        return StreamedDesign(rows, self.scaler, weight, total, self.device, 0)

    def capacity(self, outputs: int = 0) -> int:
        """How many features can be kept in memory in the type they are stored in, with what a solve for so many outputs
        has for each; the same on every rank."""
        here = self.spare / max(self.shape[0] * self.source.dtype.itemsize + 8 * INNER * outputs, 1)
        return int(distributed.smallest(min(here, self.shape[1])))

    def narrowed(self, features: Tensor) -> Design:
        """The listed features in memory: standardised if they fit so, else as they are stored; beyond `capacity`
        they stay where they are."""
        self.kept = None  # its memory is needed
        size = self.shape[0] * len(features)
        scaler = Standardizer(self.scaler.mean[features.cpu()], self.scaler.scale[features.cpu()])
        design: Design
        if len(features) > self.capacity():
            return StreamedDesign(
                _Columns(self.source, features.cpu()), scaler, self.weight, self.total, self.device, 0
            )
        if distributed.smallest(self.spare - size * self.dtype.itemsize) >= 0:
            self._buffer = None
            kept = torch.empty(self.shape[0], len(features), dtype=self.dtype, device=self.device)
            self.reads += 1
            for span, block in self._read():
                kept[span] = block.columns(features).dense()
            design = DenseDesign(kept, self.weight, self.total)
        else:
            self.reads += 1
            stored = self._room(len(features))
            for span, block in self._read():
                some_columns(block.raw, features, stored[span])
            design = StreamedDesign(TensorRows(stored), scaler, self.weight, self.total, self.device, 0)
            self._user = weakref.ref(design)
        self.kept = (features, design)
        return design

    def _room(self, count: int) -> Tensor:
        """(n, count) in the stored type: the memory of the features kept before, where nobody has them any more. New
        pages take as long to come as their numbers do."""
        if self._buffer is None or self._user() is not None:
            size = min(self.spare // self.source.dtype.itemsize, self.shape[0] * self.shape[1])
            self._buffer = None  # before the next is asked for
            self._buffer = torch.empty(size, dtype=self.source.dtype, device=self.device)
        return self._buffer[: self.shape[0] * count].view(self.shape[0], count)

    def _read(self) -> Iterator[tuple[slice, Block]]:
        mean, inverse = self._units()
        ready = touched(self.source)
        for span, raw in ready if self._here is not None else blocks_ahead(ready, self.device):
            yield span, Block(raw, mean, inverse)

    @property
    def _here(self) -> Tensor | None:
        """The rows as they are stored, where they are in this device's memory."""
        source = self.source
        return source.values if isinstance(source, TensorRows) and source.values.device == self.device else None

    def _units(self) -> tuple[Tensor, Tensor]:
        """(p,) mean and inverse deviation in the arithmetic's type."""
        scaler = self.scaler
        return scaler.mean.to(self.device, self.dtype), scaler.inverse_scale.to(self.device, self.dtype)

    def _repeated(self, T: Tensor) -> bool:
        """Whether the last residual was this one up to rounding, on every rank."""
        assert self._last is not None
        before = self._last[0]
        if before.shape != T.shape:
            return False
        limit = 8 * torch.finfo(self.dtype).eps * float(T.abs().max()) if len(T) else 0.0
        same = not len(T) or float((before - T).abs().max()) <= limit
        return distributed.smallest(float(same)) == 1.0


class _Columns:
    """Some columns of rows that stay where they are."""

    def __init__(self, rows: Rows, columns: Tensor) -> None:
        self.rows, self.columns = rows, columns

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.shape[0], len(self.columns)

    @property
    def dtype(self) -> torch.dtype:
        return self.rows.dtype

    def blocks(self, rows: int = 8192) -> Iterator[tuple[slice, Tensor]]:
        for span, block in self.rows.blocks(rows):
            yield span, block[:, self.columns]

    def take(self, index: Tensor) -> Tensor:
        return self.rows.take(index)[:, self.columns]
