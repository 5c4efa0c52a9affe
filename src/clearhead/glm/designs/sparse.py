"""A design of which only the nonzeros are kept: centring is a correction of rank one, never written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.scaling import Standardizer
from clearhead.core.sparse import SparseRows
from clearhead.glm.design import Design
from clearhead.glm.products import compute_dtype, padded, padded_width

__all__ = ["SparseDesign"]

CHUNK_BYTES = 64 << 20  # of columns written out with their zeros for a Gram matrix


@dataclass(frozen=True, eq=False)
class _Stored:
    """X in the forms that products need: by rows in compute precision, by columns in float64."""

    rows: SparseRows
    columns: SparseRows
    forward: Tensor
    backward: Tensor

    @classmethod
    def of(cls, rows: SparseRows) -> _Stored:
        columns = rows.cast(torch.float64).transposed()
        return cls(rows, columns, rows.cast(compute_dtype(rows.dtype)).tensor(), columns.tensor())


class SparseDesign(Design):
    """Z = (X − 1μᵀ)/σ from the nonzeros of X alone. Sums over rows are taken in float64."""

    at_hand: ClassVar[bool] = True

    def __init__(self, stored: _Stored, scaler: Standardizer, weight: Tensor, total: float) -> None:
        X = stored.forward
        super().__init__(weight.to(X.device, X.dtype), total)
        self.stored, self.scaler = stored, scaler
        self._mean, self._inverse = scaler.mean.to(X.device), scaler.inverse_scale.to(X.device)
        w = self.weight.double()[:, None]
        sums = distributed.all_reduce(torch.cat([stored.backward @ w, w.sum(0, keepdim=True)]))
        self._sums, self._mass = sums[:-1, 0], float(sums[-1])
        count = torch.tensor(float(len(stored.rows.values)), dtype=torch.float64)
        self._work = float(distributed.all_reduce(count)) / distributed.world_size()

    @classmethod
    def build(cls, rows: SparseRows, scaler: Standardizer, weight: Tensor, total: float, device: Any) -> SparseDesign:
        """Keep ``rows`` by rows and by columns on ``device``."""
        return cls(_Stored.of(rows.to(device)), scaler, weight, total)

    @property
    def shape(self) -> tuple[int, int]:
        return self.stored.rows.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.stored.forward.dtype

    @property
    def device(self) -> torch.device:
        return self.stored.forward.device

    @property
    def work(self) -> float:
        return max(self._work, 1.0)

    def times(self, W: Tensor) -> Tensor:
        self.reads += 1
        scaled = self._inverse[:, None] * W.to(self.device, torch.float64)
        k = W.shape[1]
        scaled = padded(scaled, padded_width(k, self.device))
        return (self.stored.forward @ scaled.to(self.dtype)).sub_((self._mean @ scaled).to(self.dtype))

    def against(self, T: Tensor, outputs: int) -> Tensor:
        self.reads += 1
        T = self._weighted(T[:, :outputs].double()).contiguous()
        sums = distributed.all_reduce(torch.cat([self.stored.backward @ T, T.sum(0, keepdim=True)]))
        centred: Tensor = (sums[:-1] - self._mean[:, None] * sums[-1]) * self._inverse[:, None]
        return centred / self.total

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        self.reads += 1
        n = max(self.shape[0], 1)
        A = self.stored.columns.subset(left).tensor()
        pieces = [
            A @ self._weighted(self.stored.columns.subset(part).dense().T).contiguous()
            for part in torch.split(right, max(16, CHUNK_BYTES // (8 * n)))
        ]
        sums = distributed.all_reduce(torch.cat(pieces, 1) if pieces else A.new_zeros(len(left), 0))
        means, totals = self._mean, self._sums
        sums -= torch.outer(means[left], totals[right]) + torch.outer(totals[left], means[right])
        sums += self._mass * torch.outer(means[left], means[right])
        sums *= torch.outer(self._inverse[left], self._inverse[right]) / self.total
        return sums.to(self.dtype)

    def rows(self, index: Tensor) -> Tensor:
        return self.scaler.transform(self.stored.rows.take(index))

    def row_norms(self) -> Tensor:
        rows, ratio = self.stored.rows, self._mean * self._inverse
        x = rows.values.double() * self._inverse[rows.column]
        terms = x * (x - 2 * ratio[rows.column])
        start = torch.full((self.shape[0],), float(ratio.square().sum()), dtype=torch.float64, device=self.device)
        return start.index_add_(0, rows.row, terms).clamp_(min=0).to(self.dtype)

    def mean_squares(self) -> Tensor:
        columns = self.stored.columns
        inside, feature = self.weight.double()[columns.column], columns.row
        terms = inside * (columns.values - self._mean[feature]).square()
        sums = torch.zeros(2, self.shape[1], dtype=torch.float64, device=self.device)
        sums.index_add_(1, feature, torch.stack([terms, inside]))
        stored, covered = distributed.all_reduce(sums)
        spread = stored + (self._mass - covered).clamp(min=0.0) * self._mean.square()
        mean: Tensor = spread * self._inverse.square() / self.total
        return mean

    def reweighted(self, weight: Tensor) -> SparseDesign:
        return SparseDesign(self.stored, self.scaler, weight, self.total)

    def narrowed(self, features: Tensor) -> SparseDesign:
        columns = self.stored.columns.subset(features)
        rows = columns.transposed().cast(self.stored.rows.dtype)
        listed = features.cpu()
        scaler = Standardizer(self.scaler.mean[listed], self.scaler.scale[listed])
        stored = _Stored(rows, columns, rows.cast(self.dtype).tensor(), columns.tensor())
        return SparseDesign(stored, scaler, self.weight, self.total)
