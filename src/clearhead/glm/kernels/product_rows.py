"""The compiled kernels of Z·W and Zᵀ·T over rows, in tiles of four by three or five vector registers whose lanes are
features.

Lanes across features waste nothing on outputs that do not fill a register. Twelve sums fit the sixteen registers of
AVX2, twenty the thirty-two of AVX-512. Each tile brings a share of the rows that come next near meanwhile, so that
memory and arithmetic work at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from clearhead.glm.kernels.compiled import compiled
from clearhead.glm.kernels.intrinsics import dot_tile, outer_tile
from clearhead.glm.kernels.ir import CACHE_LINE, native_lanes

__all__ = ["against_rows", "outer_rows", "stored_size", "times_rows"]

NEAR = 1728  # bytes, about, of a weight row in use at once: ten such stay in the first cache beside four rows
STRIP = 32  # rows that pass by a piece of the weights
LINE = 16  # numbers that a piece is a multiple of: whole vectors
TALL = 4  # rows of a tile of Z·W


def stored_size(bits: int, kind: int) -> int:
    """Bytes of one number of Z."""
    return 2 if kind > 1 else bits // 8


def _widest(bits: int) -> int:
    """Outputs of the widest tile that leaves registers for what is multiplied."""
    return 5 if _long(bits) else 3


def _long(bits: int) -> bool:
    """Whether vector registers are as long as cache lines."""
    return native_lanes(bits) * bits == 8 * CACHE_LINE


def _block(bits: int, kind: int) -> int:
    """Rows of a column tile: they and the next as many stay in cache while all columns pass."""
    return 32 if kind > 1 or _long(bits) else 16


def _tall(bits: int, kind: int) -> tuple[int, int]:
    """Vectors and outputs of the widest tile of the transposed product. Half precision is widened anew for each tile:
    where registers are few, fewer vectors for more outputs widen less."""
    return (2, 5) if kind > 1 and not _long(bits) else (4, _widest(bits))


def _share(bits: int) -> int:
    """Rows that a tile of Z·W brings near."""
    return TALL if _long(bits) else 1


@cache
def _times_strip(bits: int, kind: int, rows: int, outputs: int) -> Callable[..., None]:
    """z (rows, outputs) += (x − mean) (rows, p)·w, a row of w for each output, ``line`` numbers apart. Meanwhile rows
    from ``far`` on are brought near: `_share` of them."""
    near = _share(bits) if rows == TALL else 0
    size, stored, lanes = bits // 8, stored_size(bits, kind), native_lanes(bits)

    def strip(x: int, stride: int, mean: int, w: int, line: int, p: int, z: int, width: int, far: int) -> None:
        whole = p // lanes
        done = whole * lanes
        if whole:
            dot_tile(bits, lanes, rows, outputs, kind, near, x, stride, mean, w, line, whole, z, width, far)
        if done < p:
            x, mean, w = x + done * stored, mean + done * size, w + done * size
            dot_tile(bits, 1, rows, outputs, kind, 0, x, stride, mean, w, line, p - done, z, width, far)

    return compiled(strip)


@cache
def times_rows(bits: int, kind: int) -> Callable[..., None]:
    """The kernel of `times`."""
    size, stored, most, onward = bits // 8, stored_size(bits, kind), _widest(bits), 0 if _long(bits) else _share(bits)
    five, three, single = (_times_strip(bits, kind, TALL, outputs) for outputs in (5, 3, 1))
    one = _times_strip(bits, kind, 1, 1)

    def piece(x: int, stride: int, mean: int, w: int, line: int, k: int, p: int, z: int, width: int, n: int) -> None:
        i = 0
        while i < n:
            at, c, ahead = x + i * stride * stored, 0, TALL
            while c < k:
                weights, to = w + c * line * size, z + (i * width + c) * size
                far = at + (ahead if ahead < 2 * TALL else 0) * stride * stored
                if i + TALL > n:
                    one(at, stride, mean, weights, line, p, to, width, far)
                    c += 1
                elif most == 5 and c + 5 <= k:
                    five(at, stride, mean, weights, line, p, to, width, far)
                    c += 5
                elif c + 3 <= k:
                    three(at, stride, mean, weights, line, p, to, width, far)
                    c += 3
                else:
                    single(at, stride, mean, weights, line, p, to, width, far)
                    c += 1
                ahead += onward
            i += TALL if i + TALL <= n else 1

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
def _outer_strip(bits: int, kind: int, vectors: int, outputs: int, near: int) -> Callable[..., None]:
    """g (outputs, vectors of columns) += Tᵀ·(x − mean) over n rows, which bring ``near`` cache lines near each."""
    lanes = native_lanes(bits)

    def strip(
        x: int, stride: int, mean: int, t: int, line: int, n: int, g: int, step: int, far: int, apart: int
    ) -> None:
        outer_tile(bits, lanes, vectors, outputs, kind, near, x, stride, mean, t, line, n, g, step, far, apart)

    return compiled(strip)


@cache
def outer_rows(bits: int, kind: int) -> Callable[..., None]:
    """g (k, ·) += Tᵀ·(X − mean): for addresses x of n rows ``stride`` apart, t of n rows ``line`` apart, and g whose k
    rows are ``step`` apart, over p columns. What lies ``ahead`` numbers beyond each x is brought near; where registers
    are shorter than cache lines, only if that is other whole rows, and these one after the other."""
    size, stored, lanes, (vectors, most) = bits // 8, stored_size(bits, kind), native_lanes(bits), _tall(bits, kind)
    across, long = vectors * lanes * stored, _long(bits)
    # Where registers are short, widening is what half precision takes, and bringing near would add to it.
    near = across // CACHE_LINE if long else int(kind <= 1)
    five, three, single = (_outer_strip(bits, kind, vectors, outputs, near) for outputs in (5, 3, 1))
    thin = _outer_strip(bits, kind, 1, 1, 0)

    def rows(
        x: int, stride: int, mean: int, t: int, line: int, k: int, p: int, g: int, step: int, n: int, ahead: int
    ) -> None:
        j, whole = 0, stride == p and ahead >= n * p
        while j + vectors * lanes <= p:
            at, centre, c, share = x + j * stored, mean + j * size, 0, 0
            while c < k:
                to, factors = g + (c * step + j) * size, t + c * size
                if long:
                    far, apart = at + ahead * stored, stride * stored
                elif whole and share < across:
                    far, apart = x + ahead * stored + (j * stored + share) * n, CACHE_LINE
                else:
                    far, apart = at, 0
                share += CACHE_LINE
                if most == 5 and c + 5 <= k:
                    five(at, stride, centre, factors, line, n, to, step, far, apart)
                    c += 5
                elif c + 3 <= k:
                    three(at, stride, centre, factors, line, n, to, step, far, apart)
                    c += 3
                else:
                    single(at, stride, centre, factors, line, n, to, step, far, apart)
                    c += 1
            j += vectors * lanes
        while j < p:
            at, centre = x + j * stored, mean + j * size
            for c in range(k):
                to, factors = g + (c * step + j) * size, t + c * size
                if j + lanes <= p:
                    thin(at, stride, centre, factors, line, n, to, step, at, 0)
                else:
                    outer_tile(bits, 1, 1, 1, kind, 0, at, stride, centre, factors, line, n, to, step, at, 0)
            j += lanes if j + lanes <= p else 1

    return compiled(rows)


@cache
def against_rows(bits: int, kind: int) -> Callable[..., None]:
    """g (k, p) += Tᵀ·(X − mean) for addresses of n rows x and t and of g, summed in storage precision."""
    size, stored, outer, block = bits // 8, stored_size(bits, kind), outer_rows(bits, kind), _block(bits, kind)

    def rows(x: int, stride: int, mean: int, t: int, line: int, k: int, p: int, g: int, n: int) -> None:
        for start in range(0, n, block):
            at, factors = x + start * stride * stored, t + start * line * size
            outer(at, stride, mean, factors, line, k, p, g, p, min(block, n - start), block * stride)

    return compiled(rows)
