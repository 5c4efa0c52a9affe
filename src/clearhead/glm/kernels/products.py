"""Z·W and Zᵀ·T for few outputs, in tiles of four by three vector registers whose lanes are features.

Lanes across features waste nothing on outputs that do not fill a register, and tiles of twelve sums fit the sixteen
registers of AVX2: the two products run at the memory's speed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import dot_tile, outer_tile
from clearhead.glm.kernels.ir import native_lanes
from clearhead.glm.kernels.threads import over_rows

__all__ = ["WIDTHS", "against", "outer_rows", "times"]

WIDTHS = (8, 16)
CHUNK = 2048  # rows summed in the storage precision before float64 takes over
BLOCK = 32  # rows of a column tile: they stay in cache while all columns pass


@cache
def _times_rows(bits: int) -> Callable[..., None]:
    size, lanes = bits // 8, native_lanes(bits)

    def four(x: int, stride: int, w: int, k: int, p: int, z: int, width: int) -> None:
        whole = p // lanes
        left, done = p - whole * lanes, whole * lanes * size
        c = 0
        while c < k:
            at, to = w + c * p * size, z + c * size
            if c + 3 <= k:
                if whole:
                    dot_tile(bits, lanes, 4, 3, x, stride, at, p, whole, to, width)
                if left:
                    dot_tile(bits, 1, 4, 3, x + done, stride, at + done, p, left, to, width)
                c += 3
            else:
                if whole:
                    dot_tile(bits, lanes, 4, 1, x, stride, at, p, whole, to, width)
                if left:
                    dot_tile(bits, 1, 4, 1, x + done, stride, at + done, p, left, to, width)
                c += 1

    def one(x: int, stride: int, w: int, k: int, p: int, z: int, width: int) -> None:
        whole = p // lanes
        left, done = p - whole * lanes, whole * lanes * size
        for c in range(k):
            at, to = w + c * p * size, z + c * size
            if whole:
                dot_tile(bits, lanes, 1, 1, x, stride, at, p, whole, to, width)
            if left:
                dot_tile(bits, 1, 1, 1, x + done, stride, at + done, p, left, to, width)

    four, one = compiled(four), compiled(one)

    def rows(x: int, stride: int, w: int, k: int, p: int, z: int, width: int, n: int) -> None:
        i = 0
        while i < n:
            if i + 4 <= n:
                four(x + i * stride * size, stride, w, k, p, z + i * width * size, width)
                i += 4
            else:
                one(x + i * stride * size, stride, w, k, p, z + i * width * size, width)
                i += 1

    return compiled(rows)


@cache
def outer_rows(bits: int) -> Callable[..., None]:
    """g (k, ·) += Tᵀ·X: for addresses x of n rows ``stride`` apart, t of n rows ``line`` apart, and g whose k rows are
    ``step`` apart, over p columns."""
    size, lanes = bits // 8, native_lanes(bits)

    def rows(x: int, stride: int, t: int, line: int, k: int, p: int, g: int, step: int, n: int) -> None:
        j = 0
        while j < p:
            at, c = x + j * size, 0
            if j + 4 * lanes <= p:
                while c < k:
                    to = g + (c * step + j) * size
                    if c + 3 <= k:
                        outer_tile(bits, lanes, 4, 3, at, stride, t + c * size, line, n, to, step)
                        c += 3
                    else:
                        outer_tile(bits, lanes, 4, 1, at, stride, t + c * size, line, n, to, step)
                        c += 1
                j += 4 * lanes
            elif j + lanes <= p:
                for c in range(k):
                    outer_tile(bits, lanes, 1, 1, at, stride, t + c * size, line, n, g + (c * step + j) * size, step)
                j += lanes
            else:
                for c in range(k):
                    outer_tile(bits, 1, 1, 1, at, stride, t + c * size, line, n, g + (c * step + j) * size, step)
                j += 1

    return compiled(rows)


@cache
def _against_rows(bits: int) -> Callable[..., None]:
    size, outer = bits // 8, outer_rows(bits)

    def rows(x: int, stride: int, t: int, line: int, k: int, p: int, g: int, n: int) -> None:
        for start in range(0, n, BLOCK):
            outer(x + start * stride * size, stride, t + start * line * size, line, k, p, g, p, min(BLOCK, n - start))

    return compiled(rows)


def times(Z: Tensor, W: Tensor, out: Tensor) -> None:
    """The first k columns of out (n, width) += Z (n, p)·W (p, k); Z and out contiguous, of one dtype, on the CPU."""
    kernel, size, width = _times_rows(8 * Z.element_size()), Z.element_size(), out.shape[1]
    (n, p), k = Z.shape, W.shape[1]
    columns = W.T.contiguous()
    z, w, o = Z.data_ptr(), columns.data_ptr(), out.data_ptr()

    def work(_part: int, start: int, stop: int) -> None:
        kernel(z + start * p * size, p, w, k, p, o + start * width * size, width, stop - start)

    over_rows(n, work)


def against(Z: Tensor, T: Tensor, k: int) -> Tensor:
    """(p, k) float64 = Zᵀ·(first k columns of T), summed in the storage precision over chunks of rows and in float64
    over chunks."""
    kernel, size, width = _against_rows(8 * Z.element_size()), Z.element_size(), T.shape[1]
    n, p = Z.shape
    z, t = Z.data_ptr(), T.data_ptr()
    sums: dict[int, Tensor] = {}

    def work(part: int, start: int, stop: int) -> None:
        total = torch.zeros(k, p, dtype=torch.float64)
        for first in range(start, stop, CHUNK):
            chunk = torch.zeros(k, p, dtype=Z.dtype)
            rows = min(CHUNK, stop - first)
            kernel(z + first * p * size, p, t + first * width * size, width, k, p, chunk.data_ptr(), rows)
            total += chunk
        sums[part] = total

    parts = over_rows(n, work)
    return torch.stack([sums[i] for i in range(parts)]).sum(0).T.contiguous()
