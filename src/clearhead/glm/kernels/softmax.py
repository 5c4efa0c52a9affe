"""One pass over cached logits: probabilities, residual, loss, and the mean curvature of the softmax loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import softmax_block
from clearhead.glm.kernels.products import WIDTHS
from clearhead.glm.kernels.threads import over_rows

__all__ = ["CHUNK", "DRIVERS", "SoftmaxPass", "padded_bias", "softmax_pass"]

CHUNK = 64  # rows summed in storage precision before float64 takes over


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


def _driver(bits: int, width: int, labelled: int) -> Callable[..., None]:
    size = bits // 8
    target = 8 if labelled else width * size  # bytes of a row's target

    def rows(z: int, b: int, y: int, w: int, t: int, weight: Any, terms: Any, part: Any, total: Any, n: int) -> None:
        for start in range(0, n, CHUNK):
            m = min(CHUNK, n - start)
            offset = start * width * size
            softmax_block(
                bits,
                width,
                labelled,
                z + offset,
                b,
                y + start * target,
                w + start * size,
                m,
                t + offset,
                terms.ctypes.data,
                part.ctypes.data,
            )
            for r in range(part.shape[0]):
                for c in range(width):
                    total[1 + r, c] += part[r, c]
            # Rows of one weight share a logarithm: of the product of at most `CHUNK` sums between 1 and ``width``.
            held, product = np.float64(weight[start]), 1.0
            for i in range(m):
                w_i = np.float64(weight[start + i])
                if w_i != held:
                    total[0, 0] += held * np.log(product)
                    held, product = w_i, 1.0
                product *= np.float64(terms[i, 1])
                total[0, 0] -= w_i * np.float64(terms[i, 0])
            total[0, 0] += held * np.log(product)

    return compiled(rows)


DRIVERS = {
    (dtype, width, labelled): _driver(bits, width, labelled)
    for dtype, bits in ((torch.float32, 32), (torch.float64, 64))
    for width in WIDTHS
    for labelled in (0, 1)
}


def softmax_pass(Z: Tensor, b: Tensor, Y: Tensor, w: Tensor, k: int, theta: Tensor) -> SoftmaxPass:
    """One pass over padded logits Z (n, width), of which the first ``k`` count, with intercept b (k,).

    ``Y`` are targets (n, width) padded with zeros, or the class number of each row (n,), int64; ``w`` (n,) weights;
    ``theta`` (n, width) receives y − q.
    """
    n, width = Z.shape
    kernel, size = DRIVERS[Z.dtype, width, int(Y.ndim == 1)], Z.element_size()
    row = width * size
    lines = (row, 8 if Y.ndim == 1 else row, size, row)  # bytes of a row of each
    bias = padded_bias(b, width, Z.dtype)
    weight = w.numpy()
    numpy_type = weight.dtype
    pointers = [a.data_ptr() for a in (Z, Y, w, theta)]
    results: dict[int, Any] = {}

    def work(part: int, start: int, stop: int) -> None:
        z, y, ww, t = (pointer + start * line for pointer, line in zip(pointers, lines, strict=True))
        total = np.zeros((2 + width, width))
        terms, sums = np.empty((CHUNK, 2), numpy_type), np.empty((1 + width, width), numpy_type)
        kernel(z, bias.data_ptr(), y, ww, t, weight[start:stop], terms, sums, total, stop - start)
        results[part] = total

    parts = over_rows(n, work)
    total = torch.from_numpy(sum(results[i] for i in range(parts)))
    return SoftmaxPass.of(total, k)


def padded_bias(b: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """(width,) the intercept b (k,); padded outputs get a logit so small that their probability is nil, and the product
    with their zero target is 0."""
    bias = torch.full((width,), -1e30, dtype=dtype)
    bias[: len(b)] = b.to(dtype)
    return bias
