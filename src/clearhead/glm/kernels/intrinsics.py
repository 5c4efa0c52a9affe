"""Numba intrinsics of vector code. The element bits, the vector width and tile sizes are compile-time literals, so that
callers are plain functions whose machine code can be kept on disk. All other arguments are addresses and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

from clearhead.glm.kernels.ir import CACHE_LINE, I64, Lanes, Stored, counted_loop

__all__ = ["dot_tile", "emit", "exponentials", "outer_tile", "tile"]

tile: Any = intrinsic(prefer_literal=True)  # what it decorates is called without the typing context


def emit(literals: tuple[Any, ...], count: int, generate: Callable[..., Any], result: Any = types.void) -> Any:
    """Signature and code generator of an intrinsic with compile-time ``literals`` and ``count`` addresses or counts."""
    if not all(isinstance(v, types.IntegerLiteral) for v in literals):
        raise RequireLiteralValue("bits, width and tile size must be literals")
    values = [v.literal_value for v in literals]
    signature = result(*literals, *[types.intp] * count)

    def codegen(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        made = generate(Lanes(values[0], values[1]), *values[2:], builder, *arguments[len(literals) :])
        return context.get_dummy_value() if made is None else made

    return signature, codegen


@tile  # type: ignore[untyped-decorator]
def dot_tile(
    _context: Any, bits: Any, width: Any, rows: Any, outputs: Any, kind: Any, near: Any,
    x: Any, stride: Any, mean: Any, w: Any, line: Any, n: Any, z: Any, step: Any, far: Any,
) -> Any:  # fmt: skip
    """z[r·step + c] += Σⱼ x[r·stride + j]·w[c·line + j] over n vectors of ``width`` j's, n ≥ 1.

    x is `Stored` as ``kind``; unless that is 0, mean[j] is subtracted from it. Of ``near`` rows from ``far`` on,
    ``stride`` apart, as many j's are brought near meanwhile."""

    def generate(
        lanes: Lanes, rows: int, outputs: int, kind: int, near: int, builder: Any,
        x: Any, stride: Any, mean: Any, w: Any, line: Any, n: Any, z: Any, step: Any, far: Any,
    ) -> None:  # fmt: skip
        stored = Stored(lanes, kind)
        places = [stored.vectors(builder, x, builder.mul(stride, I64(r))) for r in range(rows)]
        ahead = [stored.vectors(builder, far, builder.mul(stride, I64(r))) for r in range(near)]
        weights = [lanes.vectors(builder, w, builder.mul(line, I64(c))) for c in range(outputs)]
        centres, out = lanes.vectors(builder, mean, I64(0)), lanes.scalars(builder, z)

        def body(j: Any, sums: list[Any]) -> list[Any]:
            held = [lanes.load(builder, weight, j) for weight in weights]
            centre = lanes.load(builder, centres, j) if kind else None
            following = []
            for place in ahead:
                lanes.prefetch(builder, builder.ptrtoint(builder.gep(place, [j]), I64))
            for r, place in enumerate(places):
                entry = stored.load(builder, place, j)
                entry = builder.fsub(entry, centre) if kind else entry
                following += [lanes.fma(builder, entry, held[c], sums[r * outputs + c]) for c in range(outputs)]
            return following

        for index, total in enumerate(counted_loop(builder, n, [lanes.zero] * (rows * outputs), body)):
            r, c = divmod(index, outputs)
            place = builder.gep(out, [builder.add(builder.mul(step, I64(r)), I64(c))])
            builder.store(builder.fadd(builder.load(place), lanes.sum(builder, total)), place)

    return emit((bits, width, rows, outputs, kind, near), 9, generate)


@tile  # type: ignore[untyped-decorator]
def outer_tile(
    _context: Any, bits: Any, width: Any, vectors: Any, outputs: Any, kind: Any, near: Any,
    x: Any, stride: Any, mean: Any, t: Any, line: Any, n: Any, g: Any, step: Any, far: Any, apart: Any,
) -> Any:  # fmt: skip
    """g[c·step + j] += Σᵢ x[i·stride + j]·t[i·line + c] for n ≥ 1 rows i and ``vectors`` vectors of ``width`` j's.

    x is `Stored` as ``kind``; unless that is 0, mean[j] is subtracted from it. Meanwhile ``near`` cache lines at each
    of n addresses from ``far`` on, ``apart`` bytes apart, are brought near."""

    def generate(
        lanes: Lanes, vectors: int, outputs: int, kind: int, near: int, builder: Any,
        x: Any, stride: Any, mean: Any, t: Any, line: Any, n: Any, g: Any, step: Any, far: Any, apart: Any,
    ) -> None:  # fmt: skip
        stored, factors = Stored(lanes, kind), lanes.scalars(builder, t)
        sums = [lanes.vectors(builder, g, builder.mul(step, I64(c))) for c in range(outputs)]
        start = [lanes.load(builder, sums[c], I64(v)) for v in range(vectors) for c in range(outputs)]
        centres = lanes.vectors(builder, mean, I64(0))
        middle = [lanes.load(builder, centres, I64(v)) for v in range(vectors)] if kind else []

        def body(i: Any, carried: list[Any]) -> list[Any]:
            row = builder.mul(i, stride)
            place = stored.vectors(builder, x, row)
            at = builder.gep(factors, [builder.mul(i, line)])
            held = [lanes.splat(builder, builder.load(builder.gep(at, [I64(c)]))) for c in range(outputs)]
            following = []
            ahead = builder.add(far, builder.mul(i, apart))
            for cached in range(near):
                lanes.prefetch(builder, builder.add(ahead, I64(cached * CACHE_LINE)))
            for v in range(vectors):
                entry = stored.load(builder, place, I64(v))
                entry = builder.fsub(entry, middle[v]) if kind else entry
                following += [lanes.fma(builder, entry, held[c], carried[v * outputs + c]) for c in range(outputs)]
            return following

        for index, total in enumerate(counted_loop(builder, n, start, body)):
            v, c = divmod(index, outputs)
            lanes.store(builder, total, sums[c], I64(v))

    return emit((bits, width, vectors, outputs, kind, near), 10, generate)


@tile  # type: ignore[untyped-decorator]
def exponentials(_context: Any, bits: Any, width: Any, x: Any, n: Any, peak: Any) -> Any:
    """x = exp(x − max x) over n ≥ 1 vectors, and that maximum in ``peak``."""

    def generate(lanes: Lanes, builder: Any, x: Any, n: Any, peak: Any) -> None:
        row = lanes.pointer(builder, x)

        def widest(i: Any, carried: list[Any]) -> list[Any]:
            return [lanes.larger(builder, lanes.load(builder, row, i), carried[0])]

        largest = lanes.max(builder, counted_loop(builder, n, [lanes.load(builder, row, I64(0))], widest)[0])
        builder.store(largest, lanes.scalars(builder, peak))
        peaks = lanes.splat(builder, largest)

        def powers(i: Any, carried: list[Any]) -> list[Any]:
            lanes.store(builder, lanes.exp(builder, builder.fsub(lanes.load(builder, row, i), peaks)), row, i)
            return carried

        counted_loop(builder, n, [], powers)

    return emit((bits, width), 3, generate)
