"""Which rows ship with a page: a uniform sample of the test rows, and the rows that features respond to most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from clearhead.core.seeds import numpy_generator
from clearhead.report.bundle import Ints

__all__ = ["Sample", "draw"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Row numbers in order, which of them form the uniform sample of the test rows, and how that was done."""

    rows: Ints
    uniform: npt.NDArray[np.bool_]
    note: str


def draw(
    tops: Sequence[Ints],
    test: Tensor,
    fallback: Tensor,
    *,
    wanted: Sequence[int] = (),
    limit: int = 8000,
    seed: int = 0,
) -> Sample:
    """A uniform sample of at most a quarter of ``limit`` test rows, then rows by name, then the features' top rows.

    Each of ``tops`` is (features, k) row numbers, best first, −1 where there are fewer; earlier ones go before later
    ones, and the strongest rows of all features before second ones.
    """
    pool = test if len(test) else fallback
    what = "test" if len(test) else "validation"
    size = min(len(pool), limit // 4)
    uniform = np.sort(numpy_generator(seed, "report sample").choice(pool.numpy(), size, replace=False))
    strongest = [row for top in tops for row in top.T.reshape(-1).tolist() if row >= 0]
    rows = list(dict.fromkeys([*uniform.tolist(), *(int(r) for r in wanted), *strongest]))[:limit]
    note = (
        f"{len(uniform):,} of them are a uniform sample of the {len(pool):,} {what} rows; the others are the rows that "
        "activate the features most, or that a finding names."
    )
    return Sample(np.asarray(rows, np.int64), np.isin(rows, uniform), note)
