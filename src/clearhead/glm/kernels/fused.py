"""Logits, softmax and gradient of rows of Z in one pass, a few hundred rows at a time: what is made stays in cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.product_rows import against_rows, stored_size, times_rows
from clearhead.glm.kernels.products import stored_kind
from clearhead.glm.kernels.softmax import DRIVERS, SoftmaxPass
from clearhead.glm.kernels.threads import over_rows
from clearhead.glm.products import BITS

__all__ = ["fused_pass"]

ROWS = 256  # whose logits and residuals are made at once
SUMMED = 2048  # rows whose gradient is summed in storage precision before float64 takes over


@cache
def _driver(bits: int, width: int, kind: int, labelled: int) -> Callable[..., None]:
    dtype = torch.float32 if bits == 32 else torch.float64
    times, softmax, against = times_rows(bits, kind), DRIVERS[dtype, width, labelled], against_rows(bits, kind)
    stored = stored_size(bits, kind)

    def rows(
        raw: Any, used: Any, few: Any, stride: int, mean: int, few_mean: int, w: int, u: int, b: Any, y: Any,
        weight: Any, logits: Any, theta: Any, total: Any, some: Any, gradient: Any,
    ) -> None:  # fmt: skip
        wanted, (n, p), k = len(gradient) > 0, raw.shape, len(b)
        for start in range(0, n, ROWS):
            m = min(ROWS, n - start)
            at = raw.ctypes.data + start * stride * stored
            logits[:] = 0
            if len(used):
                for i in range(m):
                    for j in range(u):
                        few[i, j] = raw[start + i, used[j]]
                times(few.ctypes.data, u, few_mean, w, k, u, logits.ctypes.data, width, m)
            else:
                times(at, stride, mean, w, k, u, logits.ctypes.data, width, m)
            softmax(logits[:m], b, y[start : start + m], weight[start : start + m], theta[:m], total)
            if not wanted:
                continue
            for i in range(m):
                for c in range(width):
                    theta[i, c] *= weight[start + i]
            against(at, stride, mean, theta.ctypes.data, width, k, p, some.ctypes.data, m)
            if (start // ROWS) % (SUMMED // ROWS) == SUMMED // ROWS - 1 or start + m == n:
                for c in range(k):
                    for j in range(p):
                        gradient[c, j] += some[c, j]
                        some[c, j] = 0

    return compiled(rows)


def fused_pass(
    Z: Tensor,
    mean: Tensor | None,
    used: Tensor | None,
    W: Tensor,
    b: Tensor,
    Y: Tensor,
    w: Tensor,
    width: int,
    gradient: bool,
) -> tuple[SoftmaxPass, Tensor | None]:
    """The softmax pass at logits (Z − mean)·W + b for Z (n, p) as in `products.times` and b (k,), and, if asked for,
    the ``gradient`` (p, k) float64 = (Z − mean)ᵀ·diag(w)·(y − q).

    ``W`` (u, k) are the weights of the features ``used`` (u,), or of the first u. ``Y`` are targets (n, width) padded
    with zeros, or class numbers (n,), int64; ``w`` (n,) weights.
    """
    (n, p), k, dtype = Z.shape, W.shape[1], w.dtype
    kind = stored_kind(Z, mean, dtype)
    kernel = _driver(8 * w.element_size(), width, kind, int(Y.ndim == 1))
    columns, bias, weight, targets = W.to(dtype).T.contiguous(), b.to(dtype).contiguous().numpy(), w.numpy(), Y.numpy()
    # Numbers that are only moved are integers of their size: numpy has no bfloat16.
    raw = Z.detach().view(BITS[Z.element_size()]).numpy()
    index = np.empty(0, np.int64) if used is None else used.numpy()
    few_mean = None if mean is None or used is None else mean[used].contiguous()
    centre, few_centre = (0 if t is None else t.data_ptr() for t in (mean, few_mean))
    results: dict[int, Any] = {}

    def work(part: int, start: int, stop: int) -> None:
        span = slice(start, stop)
        logits, theta = np.empty((2, ROWS, width), weight.dtype)
        total, few = np.zeros((2 + width, width)), np.empty((ROWS, len(index)), raw.dtype)
        some, found = np.zeros((k, p), weight.dtype), np.zeros((k if gradient else 0, p))
        kernel(
            raw[span], index, few, Z.stride(0), centre, few_centre, columns.data_ptr(), len(W), bias, targets[span],
            weight[span], logits, theta, total, some, found,
        )  # fmt: skip
        results[part] = total, found

    parts = over_rows(n, work)
    total, found = (torch.from_numpy(sum(results[i][j] for i in range(parts))) for j in (0, 1))
    return SoftmaxPass.of(total, k), found.T if gradient else None
