"""Which rows ship with a page: a uniform sample of the test rows, and the rows that features respond to most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clearhead.core.rows import Rows
from clearhead.core.seeds import numpy_generator
from clearhead.report.bundle import Ints

__all__ = ["Sample", "draw", "top_rows"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Row numbers in order, which of them form the uniform sample of the test rows, and how that was done."""

    rows: Ints
    uniform: npt.NDArray[np.bool_]
    note: str


def top_rows(rows: Rows, features: Ints, count: int) -> Ints:
    """(len(features), count) numbers of the rows where each feature is largest, in one pass; ties by row number."""
    n = rows.shape[0]
    count = min(count, n)
    columns = torch.as_tensor(features)
    best = torch.full((count, len(columns)), -torch.inf)
    number = torch.zeros((count, len(columns)), dtype=torch.int64)
    for span, block in rows.blocks():
        values = torch.cat([best, block[:, columns].float()])
        numbers = torch.cat([number, torch.arange(span.start, span.stop)[:, None].expand(-1, len(columns))])
        order = torch.argsort(values, dim=0, descending=True, stable=True)[:count]
        best, number = values.gather(0, order), numbers.gather(0, order)
    result: Ints = number.T.numpy()
    return result


def draw(
    tops: Ints, test: Tensor, fallback: Tensor, *, wanted: Sequence[int] = (), limit: int = 4000, seed: int = 0
) -> Sample:
    """A uniform sample of at most half of ``limit`` test rows, then rows by name, then the features' top rows.

    ``tops`` is what `top_rows` returned; its first columns come first, so every feature keeps its strongest rows.
    """
    pool = test if len(test) else fallback
    what = "test" if len(test) else "validation"
    size = min(len(pool), limit // 2)
    uniform = np.sort(numpy_generator(seed, "report sample").choice(pool.numpy(), size, replace=False))
    rows = list(dict.fromkeys([*uniform.tolist(), *(int(r) for r in wanted), *tops.T.reshape(-1).tolist()]))[:limit]
    note = (
        f"{len(uniform):,} of them are a uniform sample of the {len(pool):,} {what} rows; the others are the rows that "
        "activate the features most, or that a finding names."
    )
    return Sample(np.asarray(rows, np.int64), np.isin(rows, uniform), note)
