"""What a user may pass as y, checked once at the door and turned into an (n, k) float64 tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import DataError

__all__ = ["Labels", "binary", "classes", "numbers_or_rows", "real", "simplex"]


@dataclass(frozen=True, eq=False)
class Labels:
    """One-hot targets (n, k) by the class number of each row, int64 (n,)."""

    labels: Tensor
    k: int

    @property
    def shape(self) -> tuple[int, int]:
        """(n, k)."""
        return len(self.labels), self.k

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: Any) -> Labels:
        """The same on another device."""
        return Labels(self.labels.to(device), self.k)

    def rows(self, span: slice) -> Labels:
        """Those of some rows."""
        return Labels(self.labels[span], self.k)

    def block(self, span: slice, width: int, dtype: torch.dtype) -> Tensor:
        """(m, width) of some rows, written out and padded with zeros."""
        labels = self.labels[span, None]
        return torch.zeros(len(labels), width, dtype=dtype, device=labels.device).scatter_(1, labels, 1.0)

    def weighted(self, weight: Tensor) -> Tensor:
        """(k,) the sum of ``weight`` (n,) over the rows of each class."""
        if weight.device.type == "cpu":
            return torch.bincount(self.labels, weight, minlength=self.k)
        return weight.new_zeros(self.k).index_add_(0, self.labels, weight)


def numbers_or_rows(Y: Tensor | Labels) -> Tensor:
    """What compiled passes take as targets: the class number of each row (n,), or the rows (n, width) themselves."""
    return Y.labels if isinstance(Y, Labels) else Y


def simplex(y: Any, n: int, n_classes: int | None = None) -> Tensor:
    """Labels 0…k−1 (n,) or rows of probabilities (n, k) → (n, k)."""
    values = _tensor(y, n)
    if values.ndim == 1:
        values = _one_hot(values, n_classes)
    elif bool((values < 0).any()) or not torch.allclose(values.sum(1), torch.ones(n, dtype=values.dtype), atol=1e-4):
        row = int(((values < 0).any(1) | ((values.sum(1) - 1).abs() > 1e-4)).nonzero()[0, 0])
        raise DataError(
            "soft targets must be probabilities",
            got=f"row {row} = {values[row].tolist()[:6]}",
            expected="rows ≥ 0 that sum to 1",
        )
    else:
        values = values / values.sum(1, keepdim=True)
    _check_counts(values.sum(0), n)
    return values


def classes(y: Any, n: int, n_classes: int | None = None) -> Labels | None:
    """Labels 0…k−1 (n,) checked as `simplex` checks them; None for soft targets."""
    values = _tensor(y, n)
    if values.ndim != 1:
        return None
    numbers, k = _numbers(values, n_classes)
    _check_counts(torch.bincount(numbers, minlength=k).double(), n)
    return Labels(numbers, k)


def binary(y: Any, n: int) -> Tensor:
    """{0, 1} or probabilities, (n,) or (n, m) → (n, m)."""
    values = _matrix(_tensor(y, n))
    if bool(((values < 0) | (values > 1)).any()):
        raise DataError(
            "binary labels must lie in [0, 1]",
            got=f"values from {values.min():g} to {values.max():g}",
            fix="map the two classes to 0 and 1, or use Multinomial() for more than two",
        )
    mean = _total(values) / _all_rows(n)
    for column in ((mean == 0) | (mean == 1)).nonzero().flatten().tolist():
        where = f" in label column {column}" if values.shape[1] > 1 else ""
        raise DataError(
            f"only one class is present{where}",
            got=f"every label is {values[0, column]:g}",
            expected="both 0 and 1 among the training rows",
            fix="drop or merge this label, or add rows of the other class",
        )
    return values


def real(y: Any, n: int) -> Tensor:
    """Finite floats (n,) or (n, k) → (n, k)."""
    return _matrix(_tensor(y, n))


def _tensor(y: Any, n: int) -> Tensor:
    array = y.detach().cpu() if isinstance(y, Tensor) else np.array(y)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "biuf":
        raise DataError("targets must be numbers", got=f"dtype {array.dtype}", fix="encode class names as 0, 1, 2, …")
    values = torch.as_tensor(array).to(torch.float64)
    if values.ndim not in (1, 2):
        raise DataError("targets must have one or two dimensions", got=f"shape {tuple(values.shape)}")
    if len(values) != n:
        raise DataError("labels do not match rows", got=f"{len(values)} labels", expected=str(n))
    finite = torch.isfinite(_matrix(values)).all(1)
    if not bool(finite.all()):
        raise DataError("targets must be finite", got=f"NaN or infinity in row {int((~finite).nonzero()[0, 0])}")
    return values


def _matrix(values: Tensor) -> Tensor:
    return values[:, None] if values.ndim == 1 else values


def _one_hot(labels: Tensor, n_classes: int | None) -> Tensor:
    return torch.nn.functional.one_hot(*_numbers(labels, n_classes)).to(torch.float64)


def _numbers(labels: Tensor, n_classes: int | None) -> tuple[Tensor, int]:
    """The class numbers, int64 (n,), and how many classes there are."""
    if bool((labels != labels.round()).any()) or bool((labels < 0).any()):
        bad = labels[(labels != labels.round()) | (labels < 0)][0].item()
        raise DataError("class labels must be the integers 0, 1, 2, …", got=bad, fix="encode the classes as 0 to k−1")
    numbers = labels.to(torch.int64)
    largest = -int(distributed.smallest(-float(numbers.max())))
    k = largest + 1 if n_classes is None else n_classes
    if largest >= k:
        raise DataError("a label is beyond the number of classes", got=largest, expected=f"0 to {k - 1}")
    if k > _all_rows(len(labels)):
        raise DataError(
            "there are fewer rows than classes",
            got=f"{_all_rows(len(labels))} rows",
            expected=f"at least {k}",
            fix="encode the classes as 0 to k−1 without holes, or add rows",
        )
    return numbers, k


def _total(values: Tensor) -> Tensor:
    """(k,) sums over the rows of all ranks."""
    return distributed.all_reduce(values.sum(0))


def _all_rows(n: int) -> int:
    return int(distributed.all_reduce(torch.tensor(float(n), dtype=torch.float64)))


def _check_counts(counts: Tensor, n: int) -> None:
    """Refuse absent classes, given the (k,) sums of this rank's targets."""
    k, n = len(counts), _all_rows(n)
    if n < k:
        raise DataError("there are fewer rows than classes", got=f"{n} rows", expected=f"at least {k}")
    total = distributed.all_reduce(counts)
    if k < 2 or int((total > 0).sum()) < 2:
        raise DataError("only one class is present", got=f"{k} class(es)", expected="two or more among the rows")
    if bool((total == 0).any()):
        absent = (total == 0).nonzero().flatten().tolist()
        raise DataError(
            "a class is absent from the rows that are fitted",
            got=f"no row of class {', '.join(map(str, absent[:10]))} of {k}",
            fix="add rows of this class, drop it, or renumber the classes 0 to k−1 without holes",
        )
