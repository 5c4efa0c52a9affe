"""Z·W and Zᵀ·T for few outputs: one vector register a row (or column), eight or sixteen of them at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import against_tile, times_tile
from clearhead.glm.kernels.threads import over_rows

__all__ = ["WIDTHS", "against", "times"]

WIDTHS = (8, 16)
CHUNK = 2048  # rows summed in the storage precision before float64 takes over
BLOCK = 32  # rows of a column tile: they stay in cache while all columns pass


def _drivers(bits: int, width: int) -> tuple[Callable[..., None], Callable[..., None]]:
    size = bits // 8

    def times_rows(x: int, stride: int, w: int, p: int, z: int, n: int) -> None:
        i = 0
        while i + 8 <= n:
            times_tile(bits, width, 8, x + i * stride * size, stride, w, p, z + i * width * size)
            i += 8
        while i < n:
            times_tile(bits, width, 1, x + i * stride * size, stride, w, p, z + i * width * size)
            i += 1

    def against_rows(x: int, stride: int, t: int, p: int, g: int, n: int) -> None:
        for start in range(0, n, BLOCK):
            rows = min(BLOCK, n - start)
            j = 0
            while j + 16 <= p:
                against_tile(
                    bits,
                    width,
                    16,
                    x + (start * stride + j) * size,
                    stride,
                    t + start * width * size,
                    rows,
                    g + j * width * size,
                )
                j += 16
            while j < p:
                against_tile(
                    bits,
                    width,
                    1,
                    x + (start * stride + j) * size,
                    stride,
                    t + start * width * size,
                    rows,
                    g + j * width * size,
                )
                j += 1

    return compiled(times_rows), compiled(against_rows)


DRIVERS = {
    (dtype, width): _drivers(bits, width)
    for dtype, bits in ((torch.float32, 32), (torch.float64, 64))
    for width in WIDTHS
}


def times(Z: Tensor, W: Tensor, out: Tensor) -> None:
    """out (n, width) = Z (n, p)·W (p, width); all contiguous, of one dtype, on the CPU."""
    kernel, size, width = DRIVERS[Z.dtype, W.shape[1]][0], Z.element_size(), W.shape[1]
    n, p = Z.shape
    z, w, o = Z.data_ptr(), W.data_ptr(), out.data_ptr()

    def work(_part: int, start: int, stop: int) -> None:
        kernel(z + start * p * size, p, w, p, o + start * width * size, stop - start)

    over_rows(n, work)


def against(Z: Tensor, T: Tensor) -> Tensor:
    """(p, width) float64 = ZᵀT, summed in the storage precision over chunks of rows and in float64 over chunks."""
    kernel, size, width = DRIVERS[Z.dtype, T.shape[1]][1], Z.element_size(), T.shape[1]
    n, p = Z.shape
    z, t = Z.data_ptr(), T.data_ptr()
    sums: dict[int, Tensor] = {}

    def work(part: int, start: int, stop: int) -> None:
        total = torch.zeros(p, width, dtype=torch.float64)
        for first in range(start, stop, CHUNK):
            chunk = torch.zeros(p, width, dtype=Z.dtype)
            rows = min(CHUNK, stop - first)
            kernel(z + first * p * size, p, t + first * width * size, p, chunk.data_ptr(), rows)
            total += chunk
        sums[part] = total

    parts = over_rows(n, work)
    return torch.stack([sums[i] for i in range(parts)]).sum(0)
