"""A design kept as it is stored: on a GPU half the memory or a quarter of it, on a CPU no copy at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.quantized import CODES, QuantizedRows
from clearhead.core.rows import Rows, TensorRows
from clearhead.core.scaling import Standardizer
from clearhead.glm.block import Block, is_near, some_columns, some_rows
from clearhead.glm.design import Design
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.split import HALVES

__all__ = ["StoredDesign", "stored_size"]

TALL = 1 << 18  # rows of a block: so many that launching its kernels does not count
WRITTEN = 64 << 20  # bytes of rows that are written out at once in float32


def stored_size(rows: Rows) -> int | None:
    """Bytes of a number kept as it is stored; None for rows that this form is not for."""
    if isinstance(rows, QuantizedRows):
        return 1
    return 2 if rows.dtype in HALVES else None


class StoredDesign(Design):
    """``raw`` (n, p) float16, bfloat16, float8 codes or, on a CPU, float32; Z = (raw − mean)·inverse is never written
    out whole."""

    at_hand: ClassVar[bool] = True

    def __init__(self, raw: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor, total: float) -> None:
        """``mean`` and ``inverse`` (p,) are in units of ``raw``."""
        super().__init__(weight.to(raw.device, torch.float32), total)
        self.raw, self.mean, self.inverse = raw, mean.to(raw.device).float(), inverse.to(raw.device).float()

    @classmethod
    def build(cls, rows: Rows, scaler: Standardizer, weight: Tensor, total: float, device: Any) -> StoredDesign:
        """Bring the rows to ``device`` as they are."""
        if isinstance(rows, QuantizedRows):
            scale = rows.scale.cpu().double()
            raw, mean, inverse = rows.codes.to(device), scaler.mean / scale, scaler.inverse_scale * scale
            return cls(raw, mean, inverse, weight, total)
        if isinstance(rows, TensorRows):
            raw = rows.values.detach().to(device)
        else:
            raw = torch.empty(rows.shape, dtype=rows.dtype, device=device)
            for span, block in rows.blocks():
                raw[span] = block.to(device)
        return cls(raw, scaler.mean, scaler.inverse_scale, weight, total)

    @staticmethod
    def serves(rows: Rows, scaler: Standardizer, outputs: int, device: torch.device) -> bool:
        """Whether a CPU multiplies these rows where they are as fast as a standardised copy: float32 in memory, with
        so many outputs that both products are matrix products."""
        if not isinstance(rows, TensorRows) or rows.dtype is not torch.float32 or device.type != "cpu":
            return False
        inside = rows.values.device == device and rows.values.is_contiguous()
        return inside and outputs > FULL_CURVATURE and is_near(scaler.mean, scaler.inverse_scale)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.raw.shape[0]), int(self.raw.shape[1])

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    @property
    def device(self) -> torch.device:
        return self.raw.device

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        self.reads += 1
        return self._parts(TALL)

    def all_rows(self) -> Block:
        return Block(self.raw, self.mean, self.inverse)

    def times(self, W: Tensor) -> Tensor:
        self.reads += 1
        W = W.to(self.device, self.dtype)
        # Codes are widened first, some rows at a time; the other types need no copy at all.
        parts = self._parts(TALL if self.raw.dtype is CODES else max(self.shape[0], 1))
        products = [block.times(W) for _, block in parts]
        return products[0] if len(products) == 1 else torch.cat(products)

    def against(self, T: Tensor, outputs: int) -> Tensor:
        sums = torch.zeros(self.shape[1], outputs, dtype=torch.float64, device=self.device)
        T = self._weighted(T)
        for span, block in self.blocks():
            sums += block.against(T[span], outputs)
        return distributed.all_reduce(sums) / self.total

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        self.reads += 1
        return self._gram_of(self._parts(self._written), left, right)

    def rows(self, index: Tensor) -> Tensor:
        return Block(some_rows(self.raw, index), self.mean, self.inverse).dense()

    def row_norms(self) -> Tensor:
        return torch.cat([block.dense().square().sum(1) for _, block in self._parts(self._written)])

    def mean_squares(self) -> Tensor:
        sums = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        for span, block in self._parts(self._written):
            sums += self.weight[span].double() @ block.dense().double().square()
        return distributed.all_reduce(sums) / self.total

    def reweighted(self, weight: Tensor) -> StoredDesign:
        return StoredDesign(self.raw, self.mean, self.inverse, weight, self.total)

    def narrowed(self, features: Tensor) -> StoredDesign:
        raw = some_columns(self.raw, features)
        return StoredDesign(raw, self.mean[features], self.inverse[features], self.weight, self.total)

    @property
    def _written(self) -> int:
        """Rows that are written out at once."""
        return max(256, WRITTEN // (4 * self.shape[1]))

    def _parts(self, rows: int) -> Iterator[tuple[slice, Block]]:
        for start in range(0, self.shape[0], rows):
            span = slice(start, min(start + rows, self.shape[0]))
            yield span, Block(self.raw[span], self.mean, self.inverse)
