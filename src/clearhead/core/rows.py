"""Rows of numbers, read block by block: the one form in which features travel between floors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.sparse import SparseRows, is_sparse

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_ROWS",
    "CastRows",
    "Rows",
    "TensorRows",
    "as_rows",
    "as_tensor",
    "check_finite",
    "numbers",
    "read_ahead",
    "taken",
    "touched",
    "widened",
]

BLOCK_ROWS = 8192
BLOCK_BYTES = 16 << 20  # of a block that is read ahead: so large that what is done once a block does not count
PAGE = 4096  # bytes
_END = object()
T = TypeVar("T")


@runtime_checkable
class Rows(Protocol):
    """A matrix of n rows and p columns that can be read in consecutive blocks, any number of times."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The stored type; the stored, rounded values are the data."""
        ...

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """Yield (row range, block of shape (range, p)) in order, covering every row once."""
        ...

    def take(self, index: Tensor) -> Tensor:
        """The rows with these numbers (int64, shape (m,)), in this order, as an (m, p) tensor."""
        ...


class TensorRows:
    """Rows held in one dense tensor of shape (n, p), on any device."""

    def __init__(self, values: Tensor) -> None:
        if values.ndim != 2:
            raise DataError(
                "features must be a matrix", got=f"shape {tuple(values.shape)}", expected="(rows, features)"
            )
        self.values = values

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.values.shape[0]), int(self.values.shape[1])

    @property
    def dtype(self) -> torch.dtype:
        return self.values.dtype

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, self.shape[0], rows):
            span = slice(start, min(start + rows, self.shape[0]))
            yield span, self.values[span]

    def take(self, index: Tensor) -> Tensor:
        return self.values[index.to(self.values.device)]


class CastRows:
    """Rows read in another type than they are stored in, block by block: nothing is widened whole."""

    def __init__(self, rows: Rows, dtype: torch.dtype) -> None:
        self.rows, self.dtype = rows, dtype

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.shape

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        for span, block in self.rows.blocks(rows):
            yield span, block.to(self.dtype)

    def take(self, index: Tensor) -> Tensor:
        return self.rows.take(index).to(self.dtype)


def read_ahead(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, made by a thread that keeps up to ``depth`` of them ready; its errors are raised here.

    >>> list(read_ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    left = threading.Event()

    def offer(item: Any) -> None:
        while not left.is_set():
            try:
                ready.put(item, timeout=0.1)
                break
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                offer((item, None))
                if left.is_set():
                    return
            offer((_END, None))
        except BaseException as error:
            offer((_END, error))

    thread = threading.Thread(target=work, name="clearhead-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        left.set()
        thread.join()


def touched(rows: Rows) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of `BLOCK_BYTES`, in memory when they come: a number of every page of a memory map is looked at."""
    p, itemsize = rows.shape[1], rows.dtype.itemsize
    for span, block in rows.blocks(max(256, BLOCK_BYTES // (p * itemsize))):
        if block.device.type == "cpu" and block.numel() and block.is_contiguous():
            block.detach().view(-1)[:: PAGE // block.element_size()].max()
        yield span, block


def as_tensor(X: Any) -> Tensor:
    """A dense floating tensor from a tensor, an array, a data frame or a list of rows (integers become float64)."""
    if not isinstance(X, Tensor):
        array = np.asarray(X)
        if array.dtype == object or array.dtype.kind in "US":
            raise DataError("features must be numbers", got=f"dtype {array.dtype}", fix="drop or encode text columns")
        X = torch.from_numpy(np.require(array, requirements=["C", "W"]))  # pandas hands out read-only arrays
    if X.is_complex():
        raise DataError("features must be real numbers", got=f"dtype {X.dtype}")
    tensor: Tensor = X
    return tensor if tensor.is_floating_point() else tensor.to(torch.float64)


def as_rows(X: Any) -> Rows:
    """Rows from anything that is a matrix; what already is `Rows` passes through unchanged.

    Sparse tensors and scipy's sparse matrices become `SparseRows`: their zeros are never stored.
    """
    if isinstance(X, Rows) and not isinstance(X, Tensor):
        return X
    return SparseRows.read(X) if is_sparse(X) else TensorRows(as_tensor(X))


def taken(rows: Rows, index: Tensor) -> Rows:
    """The rows with these numbers in memory, in the form they have: dense, or sparse if they were."""
    return rows.subset(index) if isinstance(rows, SparseRows) else TensorRows(rows.take(index))


def numbers(rows: Rows) -> int:
    """How many numbers are stored: rows × columns, or the nonzeros."""
    return len(rows.values) if isinstance(rows, SparseRows) else rows.shape[0] * rows.shape[1]


def widened(rows: Rows) -> Rows:
    """The rows read as float64; nothing is widened whole that is not in memory already."""
    return rows.cast(torch.float64) if isinstance(rows, SparseRows) else CastRows(rows, torch.float64)


def check_finite(rows: Rows, names: list[str] | None = None) -> None:
    """Raise `DataError` naming the first row and column that is NaN or infinite."""
    for span, block in rows.blocks():
        # One sum tells a finite block from a bad one; only a bad one is searched.
        if bool(torch.isfinite(block.sum(dtype=torch.float64))) or bool(torch.isfinite(block).all()):
            continue
        row, column = (~torch.isfinite(block)).nonzero()[0].tolist()
        name = f" ({names[column]})" if names else ""
        raise DataError(
            "features must be finite",
            got=f"{block[row, column].item()} in row {span.start + row}, column {column}{name}",
            fix="drop or repair this row; half-precision features overflow above 65504: store them as float32",
        )
