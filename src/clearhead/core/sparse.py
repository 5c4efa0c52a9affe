"""Rows that are mostly zeros, kept as their nonzeros: SAE latents, bags of words, indicators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import DataError

__all__ = ["SparseRows", "is_sparse"]

BLOCK_BYTES = 64 << 20  # of a block that is written out with its zeros
BLOCK_ROWS = 8192


class SparseRows:
    """A matrix (n, p) in compressed rows; implements `core.rows.Rows`, whose blocks and takes are dense.

    ``start`` (n + 1,) and ``column`` (nnz,) are int64, ``values`` (nnz,) floating, columns ascending within a row, each
    once. What is not stored is zero.

    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> rows = SparseRows.read(csr_array(np.eye(3)))
    >>> rows.shape, len(rows.values), rows.take(torch.tensor([2])).tolist()
    ((3, 3), 3, [[0.0, 0.0, 1.0]])
    """

    def __init__(self, start: Tensor, column: Tensor, values: Tensor, n_columns: int) -> None:
        self.start, self.column, self.values, self.n_columns = start, column, values, n_columns

    @classmethod
    def read(cls, X: Any) -> SparseRows:
        """From a two-dimensional sparse tensor (CSR, CSC or COO) or scipy matrix or array of any form."""
        if X.ndim != 2:
            raise DataError("features must be a matrix", got=f"shape {tuple(X.shape)}", expected="(rows, features)")
        if isinstance(X, Tensor):
            entries = torch.Tensor.to_sparse(X.detach(), layout=torch.sparse_coo).coalesce()
            row, column = entries.indices()
            values = entries.values()
        else:
            X = X.tocoo()
            row, column = (torch.from_numpy(np.asarray(part, np.int64)) for part in (X.row, X.col))
            values = _numbers(np.asarray(X.data))
        if values.is_complex():
            raise DataError("features must be real numbers", got=f"dtype {values.dtype}")
        values = values if values.is_floating_point() else values.double()
        return cls.of_entries(row, column, values, (int(X.shape[0]), int(X.shape[1])))

    @classmethod
    def of_entries(cls, row: Tensor, column: Tensor, values: Tensor, shape: tuple[int, int]) -> SparseRows:
        """From entries in any order; entries of the same place are added up."""
        key = row * shape[1] + column
        order = key.argsort(stable=True)
        key, values = key[order], values[order]
        if bool((key[1:] == key[:-1]).any()):
            key, place = torch.unique_consecutive(key, return_inverse=True)
            wide = torch.promote_types(values.dtype, torch.float32)
            values = torch.zeros(len(key), dtype=wide, device=values.device).index_add_(0, place, values.to(wide))
        row, column = key.div(max(shape[1], 1), rounding_mode="floor"), key % max(shape[1], 1)
        start = torch.zeros(shape[0] + 1, dtype=torch.int64, device=row.device)
        start[1:] = torch.bincount(row, minlength=shape[0]).cumsum(0)
        return cls(start, column, values, shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return len(self.start) - 1, self.n_columns

    @property
    def dtype(self) -> torch.dtype:
        """The stored type."""
        return self.values.dtype

    @cached_property
    def row(self) -> Tensor:
        """(nnz,) the row of each stored number."""
        return torch.arange(self.shape[0], device=self.start.device).repeat_interleave(self.start.diff())

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """(row range, dense block) in order, of at most ``rows`` rows and 64 MiB, or one row."""
        rows = max(1, min(rows, BLOCK_BYTES // max(self.n_columns * self.dtype.itemsize, 1)))
        for first in range(0, self.shape[0], rows):
            span = slice(first, min(first + rows, self.shape[0]))
            yield span, self.subset(torch.arange(span.start, span.stop, device=self.start.device)).dense()

    def take(self, index: Tensor) -> Tensor:
        """The rows with these numbers, dense."""
        return self.subset(index).dense()

    def subset(self, index: Tensor) -> SparseRows:
        """The rows with these numbers (m,), in this order, kept sparse."""
        index = index.to(self.start.device)
        length = self.start.diff()[index]
        start = torch.zeros(len(index) + 1, dtype=torch.int64, device=index.device)
        start[1:] = length.cumsum(0)
        place = torch.arange(int(start[-1]), device=index.device)
        place += (self.start[index] - start[:-1]).repeat_interleave(length)
        return SparseRows(start, self.column[place], self.values[place], self.n_columns)

    def cast(self, dtype: torch.dtype) -> SparseRows:
        """The same numbers in another type."""
        return SparseRows(self.start, self.column, self.values.to(dtype), self.n_columns)

    def to(self, device: Any) -> SparseRows:
        """The same numbers on another device."""
        return SparseRows(self.start.to(device), self.column.to(device), self.values.to(device), self.n_columns)

    def transposed(self) -> SparseRows:
        """(p, n): the columns as rows."""
        return SparseRows.of_entries(self.column, self.row, self.values, (self.n_columns, self.shape[0]))

    def dense(self) -> Tensor:
        """(n, p) with its zeros."""
        out = torch.zeros(self.shape, dtype=self.dtype, device=self.values.device)
        out[self.row, self.column] = self.values
        return out

    def tensor(self) -> Tensor:
        """A ``torch.sparse_csr`` tensor that shares the numbers."""
        index = torch.int32 if len(self.values) < 2**31 else torch.int64  # what the vendors' kernels take
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            return torch.sparse_csr_tensor(
                self.start.to(index), self.column.to(index), self.values, self.shape, check_invariants=False
            )

    def moments(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Σw, the mean (p,) and Σw(x − mean)² (p,) in float64 on the CPU, without writing zeros out."""
        w = torch.ones(self.shape[0]).double() if weight is None else weight.detach().to("cpu", torch.float64)
        row, column, x = self.row.cpu(), self.column.cpu(), self.values.detach().to("cpu", torch.float64)
        total, inside = w.sum(), w[row]

        def sums(terms: Tensor) -> Tensor:
            return torch.zeros(self.n_columns).double().index_add_(0, column, terms)

        mean = sums(inside * x) / total.clamp(min=1e-300)
        stored, absent = sums(inside * (x - mean[column]).square()), total - sums(inside)
        # Less than this is rounding: a constant that is stored in every row has no spread.
        absent = torch.where(absent > 1e-12 * total, absent, torch.zeros_like(absent))
        return total, mean, stored + absent * mean.square()


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse tensor, or a sparse matrix or array of scipy's."""
    if isinstance(X, Tensor):
        return X.layout is not torch.strided
    return type(X).__module__.startswith("scipy.sparse")


def _numbers(values: np.ndarray) -> Tensor:
    if values.dtype.kind not in "fiubc":
        raise DataError("features must be numbers", got=f"dtype {values.dtype}")
    return torch.from_numpy(np.require(values, requirements=["C", "W"]))
