"""One pass over cached logits: probabilities, residual, loss, and the mean curvature of the softmax loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.ir import native_lanes
from clearhead.glm.kernels.products import WIDTHS
from clearhead.glm.kernels.softmax_lanes import softmax_lanes
from clearhead.glm.kernels.threads import over_rows

__all__ = ["DRIVERS", "SoftmaxPass", "driver", "softmax_pass"]

CHUNK = 64  # rows whose logarithms are taken together
APART = 16_384  # rows that make a part for one thread worth waking it
SUMMED = 64  # rows that a lane sums up in storage precision before float64 takes over


@dataclass(frozen=True, eq=False)
class SoftmaxPass:
    """Sums over rows with weights w, in float64: ``loss`` Σw(lse − y·z), ``probability`` (k,) Σw q,
    ``outer`` (k, k) Σw q qᵀ."""

    loss: float
    probability: Tensor
    outer: Tensor

    @classmethod
    def of(cls, total: Tensor, k: int) -> SoftmaxPass:
        """From what the kernel sums up."""
        return cls(float(total[0, 0]), total[1, :k], total[2 : 2 + k, :k])

    @property
    def curvature(self) -> Tensor:
        """(k, k) Σw (diag q − q qᵀ)."""
        return torch.diag(self.probability) - self.outer


def _add_losses(terms: Any, weight: Any, total: Any) -> None:
    """Σ w(log of the sum − fitted) of some rows, whose two terms are in ``terms`` (groups, 2, lanes)."""
    # Rows of one weight share a logarithm: of the product of at most `CHUNK` sums between 1 and the number of outputs.
    lanes, held, product = terms.shape[2], np.float64(weight[0]), 1.0
    for i in range(len(weight)):
        w, group, lane = np.float64(weight[i]), i // lanes, i % lanes
        if w != held:
            total[0, 0] += held * np.log(product)
            held, product = w, 1.0
        product *= np.float64(terms[group, 1, lane])
        total[0, 0] -= w * np.float64(terms[group, 0, lane])
    total[0, 0] += held * np.log(product)


def _add_sums(sums: Any, total: Any, k: int) -> None:
    """Sums by lanes (1 + width, width, lanes), which become zero, to ``total``."""
    for c in range(k):
        for lane in range(sums.shape[2]):
            total[1, c] += np.float64(sums[0, c, lane])
        for d in range(c + 1):
            whole = 0.0
            for lane in range(sums.shape[2]):
                whole += np.float64(sums[1 + c, d, lane])
            total[2 + c, d] += whole
            if d < c:
                total[2 + d, c] += whole
    sums[:] = 0


_add_losses = compiled(_add_losses, exact=True)
_add_sums = compiled(_add_sums, exact=True)


def driver(bits: int, width: int, labelled: int, lanes: int) -> Callable[..., None]:
    """A kernel that works on ``lanes`` rows at once. It takes Z (n, width), b (k,), targets, weight (n,), theta
    (n, width) and ``total`` (2 + width, width): see `softmax_pass` and `SoftmaxPass.of`."""
    size = bits // 8
    line, target = width * size, 8 if labelled else width * size  # bytes of a row

    def group(Z: Any, b: Any, Y: Any, weight: Any, theta: Any, terms: Any, sums: Any, scratch: Any, at: int) -> None:
        softmax_lanes(
            bits, lanes, width, labelled, Z.ctypes.data + at * line, b.ctypes.data, Y.ctypes.data + at * target,
            weight.ctypes.data + at * size, len(b), theta.ctypes.data + at * line, terms.ctypes.data,
            sums.ctypes.data, scratch.ctypes.data,
        )  # fmt: skip

    group = compiled(group, exact=True)

    def last(Z: Any, b: Any, Y: Any, weight: Any, theta: Any, terms: Any, sums: Any, scratch: Any, at: int) -> None:
        m = len(Z) - at
        z, t, w = np.zeros((lanes, width), Z.dtype), np.empty((lanes, width), Z.dtype), np.zeros(lanes, Z.dtype)
        y = np.zeros((lanes, *Y.shape[1:]), Y.dtype)
        z[:m], w[:m], y[:m] = Z[at:], weight[at:], Y[at:]
        group(z, b, y, w, t, terms, sums, scratch, 0)
        theta[at:] = t[:m]

    last = compiled(last, exact=True)

    def rows(Z: Any, b: Any, Y: Any, weight: Any, theta: Any, total: Any) -> None:
        n, k = len(Z), len(b)
        scratch, sums = np.zeros((3, width, lanes), Z.dtype), np.zeros((1 + width, width, lanes), Z.dtype)
        terms = np.empty((CHUNK // lanes, 2, lanes), Z.dtype)
        for start in range(0, n, CHUNK):
            stop = min(start + CHUNK, n)
            for at in range(start, stop, lanes):
                some = terms[(at - start) // lanes]
                if at + lanes <= n:
                    group(Z, b, Y, weight, theta, some, sums, scratch, at)
                else:
                    last(Z, b, Y, weight, theta, some, sums, scratch, at)
            _add_losses(terms, weight[start:stop], total)
            if stop == n or stop % (SUMMED * lanes) == 0:
                _add_sums(sums, total, k)

    return compiled(rows, exact=True)


DRIVERS = {
    (dtype, width, labelled): driver(bits, width, labelled, native_lanes(bits))
    for dtype, bits in ((torch.float32, 32), (torch.float64, 64))
    for width in WIDTHS
    for labelled in (0, 1)
}


def softmax_pass(Z: Tensor, b: Tensor, Y: Tensor, w: Tensor, k: int, theta: Tensor) -> SoftmaxPass:
    """One pass over padded logits Z (n, width), of which the first ``k`` count, with intercept b (k,).

    ``Y`` are targets (n, width) padded with zeros, or the class number of each row (n,), int64; ``w`` (n,) weights;
    ``theta`` (n, width) receives y − q.
    """
    width = Z.shape[1]
    kernel = DRIVERS[Z.dtype, width, int(Y.ndim == 1)]
    bias = b.to(Z.dtype).contiguous().numpy()
    logits, targets, weight, residual = (a.numpy() for a in (Z, Y, w, theta))
    results: dict[int, Any] = {}

    def work(part: int, start: int, stop: int) -> None:
        span, total = slice(start, stop), np.zeros((2 + width, width))
        kernel(logits[span], bias, targets[span], weight[span], residual[span], total)
        results[part] = total

    parts = over_rows(len(Z), work, least=APART)
    total = torch.from_numpy(sum(results[i] for i in range(parts)))
    return SoftmaxPass.of(total, k)
