"""The softmax pass for more outputs than fit in vector registers: row by row through a scratch line in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import exponentials
from clearhead.glm.kernels.ir import native_lanes
from clearhead.glm.kernels.threads import over_rows

__all__ = ["WideSums", "wide_softmax_pass"]

CHUNK = 64  # rows summed in storage precision before float64 takes over
SUMMED = 512  # probabilities of one row, likewise
ENTRIES = 1 << 16  # that make a part for one thread worth its start


@dataclass(frozen=True, eq=False)
class WideSums:
    """Sums over rows with weights w, in float64: ``loss`` Σw(lse − y·z), ``probability`` (k,) Σw q, ``squares`` (k,)
    Σw q²."""

    loss: float
    probability: Tensor
    squares: Tensor


@cache
def _driver(bits: int) -> Callable[..., None]:
    lanes, floor = native_lanes(bits), -1e30

    def rows(
        Z: Any, b: Any, Y: Any, labels: Any, w: Any, theta: Any, line: Any, largest: Any, part: Any, total: Any
    ) -> None:
        n, k = Z.shape
        labelled = len(labels) > 0
        for start in range(0, n, CHUNK):
            part[:] = 0
            for i in range(start, min(start + CHUNK, n)):
                for c in range(k):
                    line[c] = Z[i, c] + b[c]
                line[k:] = floor
                exponentials(bits, lanes, line.ctypes.data, len(line) // lanes, largest.ctypes.data)
                peak, fitted, whole = largest[0], largest[0] * 0, 0.0
                for first in range(0, len(line), SUMMED):
                    some = peak * 0
                    piece = line[first : first + SUMMED]
                    for c in range(len(piece)):
                        some += piece[c]
                    whole += some
                largest[0] = 1 / whole
                inverse = largest[0]
                if labelled:
                    fitted += Z[i, labels[i]] + b[labels[i]] - peak
                else:
                    for c in range(k):
                        fitted += Y[i, c] * (Z[i, c] + b[c] - peak)
                for c in range(k):
                    q = line[c] * inverse
                    theta[i, c] = -q
                    part[0, c] += w[i] * q
                    part[1, c] += w[i] * q * q
                if labelled:
                    theta[i, labels[i]] += 1
                else:
                    for c in range(k):
                        theta[i, c] += Y[i, c]
                total[0, 0] += np.float64(w[i]) * (np.log(whole) - np.float64(fitted))
            for c in range(k):
                total[1, c] += part[0, c]
                total[2, c] += part[1, c]

    return compiled(rows)


def wide_softmax_pass(Z: Tensor, b: Tensor, Y: Tensor, w: Tensor, theta: Tensor) -> WideSums:
    """One pass over logits Z (n, k) with intercept b (k,).

    ``Y`` are targets (n, k), or the class number of each row (n,), int64; ``w`` (n,) weights; ``theta`` (n, k) receives
    y − q.
    """
    n, k = Z.shape
    bits = 8 * Z.element_size()
    kernel, lanes = _driver(bits), native_lanes(bits)
    none = torch.empty(0, dtype=torch.int64)
    targets, labels = (Y[:0, None].to(Z), Y) if Y.ndim == 1 else (Y, none)
    logits, wanted, numbers, weight, out = (t.numpy() for t in (Z, targets, labels, w, theta))
    bias = b.to(Z.dtype).numpy()
    results: dict[int, Any] = {}

    def work(part: int, start: int, stop: int) -> None:
        span, total = slice(start, stop), np.zeros((3, k))
        line, sums = np.empty(-(-k // lanes) * lanes, bias.dtype), np.empty((2, k), bias.dtype)
        largest = np.empty(1, bias.dtype)
        kernel(logits[span], bias, wanted[span], numbers[span], weight[span], out[span], line, largest, sums, total)
        results[part] = total

    parts = over_rows(n, work, least=max(1, ENTRIES // k))
    total = torch.from_numpy(sum(results[i] for i in range(parts)))
    return WideSums(float(total[0, 0]), total[1], total[2])
