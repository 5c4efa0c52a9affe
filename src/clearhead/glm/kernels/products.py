"""Z·W and Zᵀ·T for few outputs, on the CPU: the kernels of `product_rows` on every thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.product_rows import against_rows, stored_size, times_rows
from clearhead.glm.kernels.threads import over_rows

__all__ = ["WIDTHS", "against", "stored_kind", "times"]

WIDTHS = (8, 16)
CHUNK = 2048  # rows summed in the storage precision before float64 takes over


@cache
def _summed_rows(bits: int, kind: int) -> Callable[..., None]:
    """The kernel of `against`: ``total`` (k, p) float64 += the sums over chunks of rows, which pass through ``some``
    (k, p)."""
    size, stored, against = bits // 8, stored_size(bits, kind), against_rows(bits, kind)

    def rows(x: int, stride: int, mean: int, t: int, line: int, some: Any, total: Any, n: int) -> None:
        k, p = total.shape
        for start in range(0, n, CHUNK):
            at, factors = x + start * stride * stored, t + start * line * size
            some[:] = 0
            against(at, stride, mean, factors, line, k, p, some.ctypes.data, min(CHUNK, n - start))
            for c in range(k):
                for j in range(p):
                    total[c, j] += some[c, j]

    return compiled(rows)


def stored_kind(Z: Tensor, mean: Tensor | None, dtype: torch.dtype) -> int:
    """How Z is `ir.Stored` for arithmetic in ``dtype``; 0 where nothing is subtracted."""
    if mean is None:
        return 0
    return 1 if Z.dtype is dtype else {torch.float16: 2, torch.bfloat16: 3}[Z.dtype]


def times(Z: Tensor, W: Tensor, out: Tensor, mean: Tensor | None = None) -> None:
    """The first k columns of out (n, width) += (Z (n, p) − mean)·W (p, k), on the CPU, with contiguous rows.

    Without ``mean`` (p,) Z is of the type of ``out``; with it, it may be in half precision where that is float32.
    """
    kind, size, width = stored_kind(Z, mean, out.dtype), out.element_size(), out.shape[1]
    kernel, stored = times_rows(8 * size, kind), Z.element_size()
    (n, p), k, stride = Z.shape, W.shape[1], Z.stride(0)
    columns = W.to(out.dtype).T.contiguous()
    z, w, o, m = Z.data_ptr(), columns.data_ptr(), out.data_ptr(), 0 if mean is None else mean.data_ptr()

    def work(_part: int, start: int, stop: int) -> None:
        kernel(z + start * stride * stored, stride, m, w, k, p, o + start * width * size, width, stop - start)

    over_rows(n, work)


def against(Z: Tensor, T: Tensor, k: int, mean: Tensor | None = None) -> Tensor:
    """(p, k) float64 = (Z − mean)ᵀ·(first k columns of T), summed in T's precision over chunks of rows and in float64
    over chunks; Z and ``mean`` as in `times`."""
    kind, size, width = stored_kind(Z, mean, T.dtype), T.element_size(), T.shape[1]
    kernel, stored = _summed_rows(8 * size, kind), Z.element_size()
    (n, p), stride = Z.shape, Z.stride(0)
    z, t, m = Z.data_ptr(), T.data_ptr(), 0 if mean is None else mean.data_ptr()
    sums: dict[int, Any] = {}

    def work(part: int, start: int, stop: int) -> None:
        some, total = np.empty((k, p), f"f{size}"), np.zeros((k, p))
        kernel(z + start * stride * stored, stride, m, t + start * width * size, width, some, total, stop - start)
        sums[part] = total

    parts = over_rows(n, work)
    return torch.from_numpy(np.ascontiguousarray(sum(sums[i] for i in range(parts)).T))
