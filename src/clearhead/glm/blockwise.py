"""Arrays of rows × outputs that are never held: weights stand for logits, and each pass makes a block of rows anew.

With 20,000 classes one such array is 80 kB a row (decision 0104).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm import room
from clearhead.glm.block import Block
from clearhead.glm.fit import Fit
from clearhead.glm.products import VECTOR_OUTPUTS, padded_width
from clearhead.glm.row_arrays import RowArrays
from clearhead.glm.targets import Labels

__all__ = ["Blockwise", "Deferred"]


@dataclass(frozen=True, eq=False)
class Deferred:
    """offset + Z·W by its weights W (p, k) alone; sums and multiples are those of the weights."""

    W: Tensor

    def __add__(self, other: Deferred) -> Deferred:
        return Deferred(self.W + other.W)

    def __rmul__(self, size: float) -> Deferred:
        return Deferred(size * self.W)


@dataclass(frozen=True, eq=False)
class _Residual:
    """θ at offset + Z·W + b, by W and b alone."""

    W: Tensor
    b: Tensor

    def same(self, W: Tensor, b: Tensor) -> bool:
        return (self.W is W or torch.equal(self.W, W)) and torch.equal(self.b, b)


@dataclass(eq=False)
class Blockwise(RowArrays):
    """No array of rows × outputs: each pass over Z makes what it needs of them, `BLOCK_BYTES` at a time.

    The last fit and the last product are remembered: a point is certified where a line search ended, and a λ begins
    where the one before ended.
    """

    held: ClassVar[bool] = False

    _fit: Fit | None = None
    _slope: tuple[_Residual, Tensor] | None = None

    def logits(self, W: Tensor) -> Deferred:
        return Deferred(W.to(self.design.device, self.design.dtype))

    def direction(self, delta: Tensor) -> Deferred:
        return self.logits(delta)

    def fit(self, logits: Deferred, b: Tensor) -> Fit:
        if self._fit is None or not distributed.all_agree(self._fit.theta.same(logits.W, b)):
            k, sums = self.targets.shape[1], None
            for _, _, fit in self._passes(logits.W, b):
                sums = fit.packed() if sums is None else sums + fit.packed()
            assert sums is not None
            self._fit = Fit.unpacked(sums, _Residual(logits.W, b.clone()), k)
        return self._fit

    def against(self, theta: _Residual) -> Tensor:
        if self._slope is None or not distributed.all_agree(self._slope[0].same(theta.W, theta.b)):
            k = self.targets.shape[1]
            sums = self._sums(k)
            for span, Z, fit in self._passes(theta.W, theta.b, rows=True):
                weight = self.design.weight[span, None]
                sums += Z.against(fit.theta if self.design.uniform else fit.theta * weight, k)
            self._slope = theta, distributed.all_reduce(sums) / self.design.total
        return self._slope[1].clone()

    def remember(self, theta: _Residual, slope: Tensor) -> None:
        """Learn that ``against(theta)`` is ``slope``."""
        self._slope = theta, slope

    def moments(self) -> tuple[Tensor, Tensor]:
        k = self.targets.shape[1]
        if isinstance(self.targets, Labels) and k >= VECTOR_OUTPUTS:
            return self._class_sums(self.targets.labels)
        sums = self._sums(k + 1)
        for span, Z in self._blocks():
            weight = self.design.weight[span, None]
            columns = torch.cat([self._written(span)[:, :k] * weight, weight], 1)
            sums += Z.against(pad(columns, (0, padded_width(k + 1, weight.device) - k - 1)), k + 1)
        sums = distributed.all_reduce(sums) / self.design.total
        return sums[:, :k], sums[:, k:]

    def _class_sums(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """`moments` from class numbers (n,): the rows of each added up."""
        sums = self._sums(self.targets.shape[1]).T.contiguous()
        for span, Z in self._blocks():
            sums.index_add_(0, labels[span], Z.dense().double() * self.weight[span, None])
        sums = distributed.all_reduce(sums) / self.design.total
        return sums.T.contiguous(), sums.sum(0)[:, None]

    def dual(self, logits: Deferred, b: Tensor, tau: float, mix: float, share: Tensor) -> Tensor:
        total = self.weight.new_zeros(())
        for span, _, fit in self._passes(logits.W, b):
            total += self._dual_sum(fit, tau, mix, share, span)
        return total

    def _passes(self, W: Tensor, b: Tensor, rows: bool = False) -> Iterator[tuple[slice, Block, Fit]]:
        """(row range, block of Z, fit of these rows). Features without weights are left out of the product, and of the
        block unless its ``rows`` are asked for whole; where there are no weights at all, nothing else is read."""
        used = (W != 0).any(1).nonzero().flatten()
        columns = used if self.design.narrows(used) else None
        V = W if columns is None else W[columns]
        blocks = self._blocks(None if rows else columns) if rows or len(used) else self._spans()
        for span, *block in blocks:
            Z = block[0] if block else Block(W.new_empty(0))
            if len(used):
                logits = (Z.columns(columns) if rows and columns is not None else Z).times(V)
            else:
                logits = W.new_zeros(span.stop - span.start, self.width)
            if self.offset is not None:
                logits += self.pad(self.offset[span])
            yield span, Z, self._some(logits, b, span)

    def _sums(self, columns: int) -> Tensor:
        return torch.zeros(self.design.shape[1], columns, dtype=torch.float64, device=self.design.device)

    @property
    def _rows(self) -> int:
        return min(room.BLOCK_ROWS, max(64, room.BLOCK_BYTES // (self.width * self.design.dtype.itemsize)))

    def _spans(self) -> Iterator[tuple[slice]]:
        n = self.design.shape[0]
        for start in range(0, n, self._rows):
            yield (slice(start, min(start + self._rows, n)),)

    def _blocks(self, columns: Tensor | None = None) -> Iterator[tuple[slice, Block]]:
        for span, Z in self.design.blocks(columns):
            for start in range(0, len(Z), self._rows):
                part = Z.rows(slice(start, start + self._rows))
                yield slice(span.start + start, span.start + start + len(part)), part
