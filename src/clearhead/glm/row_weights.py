"""The weight of each row of a fit: the user's own times that of its class, of mean 1 over all ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import DataError
from clearhead.glm.targets import Labels

__all__ = ["row_weights"]


def row_weights(sample_weight: Any, class_weight: Any, targets: Tensor | Labels) -> tuple[Tensor, float]:
    """(n,) float64 weights and the rows of all ranks; `DataError` for weights that cannot be used."""
    weight = _given(sample_weight, len(targets))
    if class_weight is not None:
        weight = weight * _of_classes(class_weight, targets)
    total = distributed.all_reduce(torch.stack([weight.sum(), torch.tensor(float(len(weight))).double()]))
    return weight * (total[1] / total[0]), float(total[1])


def _given(weight: Any, n: int) -> Tensor:
    if weight is None:
        return torch.ones(n, dtype=torch.float64)
    values = torch.as_tensor(np.asarray(weight.cpu() if isinstance(weight, Tensor) else weight)).to(torch.float64)
    if values.shape != (n,):
        raise DataError("one weight a row is needed", got=f"shape {tuple(values.shape)}", expected=f"({n},)")
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()) or not bool((values > 0).any()):
        raise DataError("sample weights must be finite and ≥ 0, at least one of them positive")
    return values


def _of_classes(class_weight: Any, targets: Tensor | Labels) -> Tensor:
    """(n,) weights from "balanced" or one weight a class; soft targets take the expectation over their classes."""
    both = targets
    if isinstance(targets, Tensor) and targets.shape[1] == 1:
        both = torch.cat([1 - targets, targets], 1)
    n, k = both.shape
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise DataError("unknown class weights", got=class_weight, expected='"balanced" or one number a class')
        sums = both.weighted(torch.ones(n).double()) if isinstance(both, Labels) else both.sum(0)
        count = distributed.all_reduce(torch.cat([sums, torch.tensor([float(n)]).double()]))
        values = count[-1] / (k * count[:-1])
    else:
        values = torch.as_tensor(class_weight, dtype=torch.float64)
    if values.shape != (k,) or bool((values < 0).any()) or not bool(torch.isfinite(values).all()):
        raise DataError("one weight ≥ 0 a class is needed", got=values.tolist(), expected=f"{k} numbers")
    return values[both.labels] if isinstance(both, Labels) else both @ values
