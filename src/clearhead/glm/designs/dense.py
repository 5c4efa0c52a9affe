"""A design in one dense tensor in memory: the fastest form where it fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import BLOCK_BYTES, BLOCK_ROWS, Rows
from clearhead.core.scaling import Standardizer
from clearhead.glm.block import Block
from clearhead.glm.design import Design
from clearhead.glm.kernels.threads import all_threads
from clearhead.glm.products import compute_dtype, product, transposed_product

__all__ = ["DenseDesign"]


SQUARED_ROWS = 4096


class DenseDesign(Design):
    """Z (n, p) in one tensor on any device."""

    at_hand: ClassVar[bool] = True

    def __init__(self, Z: Tensor, weight: Tensor, total: float) -> None:
        super().__init__(weight.to(Z.device, Z.dtype), total)
        self.Z = Z

    @classmethod
    def build(cls, rows: Rows, scaler: Standardizer, weight: Tensor, total: float, device: Any) -> DenseDesign:
        """Standardise block by block into compute precision on ``device``."""
        n, p = rows.shape
        Z = torch.empty(n, p, dtype=compute_dtype(rows.dtype), device=device)
        for span, block in rows.blocks():
            Z[span] = scaler.transform(block.to(device))
        return cls(Z, weight, total)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.Z.shape[0]), int(self.Z.shape[1])

    @property
    def dtype(self) -> torch.dtype:
        return self.Z.dtype

    @property
    def device(self) -> torch.device:
        return self.Z.device

    def times(self, W: Tensor) -> Tensor:
        self.reads += 1
        return product(self.Z, W.to(self.Z))

    def against(self, T: Tensor, outputs: int) -> Tensor:
        self.reads += 1
        sums = transposed_product(self.Z, self._weighted(T), outputs)
        return distributed.all_reduce(sums) / self.total

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        self.reads += 1
        rows = max(BLOCK_ROWS, BLOCK_BYTES // (self.shape[1] * self.Z.element_size()))
        for start in range(0, len(self.Z), rows):
            Z = self.Z[start : start + rows]
            yield slice(start, start + len(Z)), Block(Z)

    def all_rows(self) -> Block:
        return Block(self.Z)

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        self.reads += 1
        A = self._columns(left)
        B = A if right is left else self._columns(right)
        A = self._weighted(A)
        with all_threads():
            product = A.T @ B
        return distributed.all_reduce(product) / self.total

    def rows(self, index: Tensor) -> Tensor:
        return self.Z[index]

    def row_norms(self) -> Tensor:
        return self.Z.square().sum(1)

    def mean_squares(self) -> Tensor:
        sums = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        for Z, w in zip(torch.split(self.Z, SQUARED_ROWS), torch.split(self.weight, SQUARED_ROWS), strict=True):
            sums += w.double() @ Z.double().square()
        return distributed.all_reduce(sums) / self.total

    def reweighted(self, weight: Tensor) -> DenseDesign:
        return DenseDesign(self.Z, weight, self.total)

    def narrowed(self, features: Tensor) -> DenseDesign:
        return DenseDesign(self._columns(features), self.weight, self.total)

    def _columns(self, features: Tensor) -> Tensor:
        whole = len(features) == self.Z.shape[1] and bool((features[1:] > features[:-1]).all())
        return self.Z if whole else self.Z[:, features]
