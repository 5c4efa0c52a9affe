"""Z·W and Zᵀ·T for few outputs, in tiles of four by three or five vector registers whose lanes are features.

Lanes across features waste nothing on outputs that do not fill a register. Twelve sums fit the sixteen registers of
AVX2, twenty the thirty-two of AVX-512. As the rows that come next are brought near meanwhile, the two products run at
the memory's speed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import dot_tile, outer_tile
from clearhead.glm.kernels.ir import native_lanes
from clearhead.glm.kernels.threads import over_rows

__all__ = ["WIDTHS", "against", "against_rows", "outer_rows", "stored_kind", "stored_size", "times", "times_rows"]

WIDTHS = (8, 16)
CHUNK = 2048  # rows summed in the storage precision before float64 takes over
NEAR = 1728  # bytes, about, of a weight row in use at once: ten such stay in the first cache beside four rows
STRIP = 32  # rows that pass by a piece of the weights
LINE = 16  # numbers that a piece is a multiple of: whole vectors
BLOCK = 32  # rows of a column tile: they and the next as many stay in cache while all columns pass


def _widest(bits: int) -> int:
    """Outputs of the widest tile that leaves registers for what is multiplied."""
    return 5 if native_lanes(bits) * bits == 512 else 3


def _tall(bits: int, kind: int) -> tuple[int, int]:
    """Vectors and outputs of the widest tile of the transposed product. Half precision is widened anew for each tile:
    where registers are few, fewer vectors for more outputs widen less."""
    return (2, 5) if kind > 1 and _widest(bits) == 3 else (4, _widest(bits))


@cache
def _times_strip(bits: int, kind: int, rows: int, outputs: int) -> Callable[..., None]:
    """z (rows, outputs) += (x − mean) (rows, p)·w, a row of w for each output, ``line`` numbers apart."""
    size, stored, lanes = bits // 8, stored_size(bits, kind), native_lanes(bits)

    def strip(x: int, stride: int, mean: int, w: int, line: int, p: int, z: int, width: int) -> None:
        whole = p // lanes
        done = whole * lanes
        if whole:
            dot_tile(bits, lanes, rows, outputs, kind, x, stride, mean, w, line, whole, z, width)
        if done < p:
            x, mean, w = x + done * stored, mean + done * size, w + done * size
            dot_tile(bits, 1, rows, outputs, kind, x, stride, mean, w, line, p - done, z, width)

    return compiled(strip)


@cache
def times_rows(bits: int, kind: int) -> Callable[..., None]:
    """The kernel of `times`."""
    size, stored, most = bits // 8, stored_size(bits, kind), _widest(bits)
    five, three, single, one = (_times_strip(bits, kind, *tile) for tile in ((4, 5), (4, 3), (4, 1), (1, 1)))

    def piece(x: int, stride: int, mean: int, w: int, line: int, k: int, p: int, z: int, width: int, n: int) -> None:
        i = 0
        while i < n:
            at, c = x + i * stride * stored, 0
            while c < k:
                weights, to = w + c * line * size, z + (i * width + c) * size
                if i + 4 > n:
                    one(at, stride, mean, weights, line, p, to, width)
                    c += 1
                elif most == 5 and c + 5 <= k:
                    five(at, stride, mean, weights, line, p, to, width)
                    c += 5
                elif c + 3 <= k:
                    three(at, stride, mean, weights, line, p, to, width)
                    c += 3
                else:
                    single(at, stride, mean, weights, line, p, to, width)
                    c += 1
            i += 4 if i + 4 <= n else 1

    piece = compiled(piece)

    def rows(x: int, stride: int, mean: int, w: int, k: int, p: int, z: int, width: int, n: int) -> None:
        pieces = max(1, (p * size + NEAR // 2) // NEAR)
        columns = max(1, -(-p // (pieces * LINE))) * LINE
        for start in range(0, n, STRIP):
            at, to, m = x + start * stride * stored, z + start * width * size, min(STRIP, n - start)
            for j in range(0, p, columns):
                some, weights = min(columns, p - j), w + j * size
                piece(at + j * stored, stride, mean + j * size, weights, p, k, some, to, width, m)

    return compiled(rows)


@cache
def outer_rows(bits: int, kind: int) -> Callable[..., None]:
    """g (k, ·) += Tᵀ·(X − mean): for addresses x of n rows ``stride`` apart, t of n rows ``line`` apart, and g whose k
    rows are ``step`` apart, over p columns. What lies ``ahead`` numbers beyond each x is brought near."""
    size, stored, lanes, (vectors, most) = bits // 8, stored_size(bits, kind), native_lanes(bits), _tall(bits, kind)

    def rows(
        x: int, stride: int, mean: int, t: int, line: int, k: int, p: int, g: int, step: int, n: int, ahead: int
    ) -> None:
        j = 0
        while j < p:
            at, centre, c = x + j * stored, mean + j * size, 0
            if j + vectors * lanes <= p:
                while c < k:
                    to, factors = g + (c * step + j) * size, t + c * size
                    if most == 5 and c + 5 <= k:
                        outer_tile(bits, lanes, vectors, 5, kind, at, stride, centre, factors, line, n, to, step, ahead)
                        c += 5
                    elif c + 3 <= k:
                        outer_tile(bits, lanes, vectors, 3, kind, at, stride, centre, factors, line, n, to, step, ahead)
                        c += 3
                    else:
                        outer_tile(bits, lanes, vectors, 1, kind, at, stride, centre, factors, line, n, to, step, ahead)
                        c += 1
                j += vectors * lanes
            elif j + lanes <= p:
                for c in range(k):
                    to, factors = g + (c * step + j) * size, t + c * size
                    outer_tile(bits, lanes, 1, 1, kind, at, stride, centre, factors, line, n, to, step, ahead)
                j += lanes
            else:
                for c in range(k):
                    to, factors = g + (c * step + j) * size, t + c * size
                    outer_tile(bits, 1, 1, 1, kind, at, stride, centre, factors, line, n, to, step, ahead)
                j += 1

    return compiled(rows)


@cache
def against_rows(bits: int, kind: int) -> Callable[..., None]:
    """g (k, p) += Tᵀ·(X − mean) for addresses of n rows x and t and of g, summed in storage precision."""
    size, stored, outer = bits // 8, stored_size(bits, kind), outer_rows(bits, kind)

    def rows(x: int, stride: int, mean: int, t: int, line: int, k: int, p: int, g: int, n: int) -> None:
        for start in range(0, n, BLOCK):
            at, factors = x + start * stride * stored, t + start * line * size
            outer(at, stride, mean, factors, line, k, p, g, p, min(BLOCK, n - start), BLOCK * stride)

    return compiled(rows)


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


def stored_size(bits: int, kind: int) -> int:
    """Bytes of one number of Z."""
    return 2 if kind > 1 else bits // 8


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
