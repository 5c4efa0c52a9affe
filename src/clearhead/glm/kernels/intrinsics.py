"""Numba intrinsics of vector code. The element bits, the vector width and tile sizes are compile-time literals, so that
callers are plain functions whose machine code can be kept on disk. All other arguments are addresses and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

from clearhead.glm.kernels.ir import I64, Lanes, counted_loop

__all__ = ["against_tile", "axpy", "correct", "project", "rank_one", "softmax_block", "times_tile", "update_tile"]

tile: Any = intrinsic(prefer_literal=True)  # what it decorates is called without the typing context


def _emit(literals: tuple[Any, ...], count: int, generate: Callable[..., None]) -> Any:
    """Signature and code generator of an intrinsic with compile-time ``literals`` and ``count`` addresses or counts."""
    if not all(isinstance(v, types.IntegerLiteral) for v in literals):
        raise RequireLiteralValue("bits, width and tile size must be literals")
    values = [v.literal_value for v in literals]
    signature = types.void(*literals, *[types.intp] * count)

    def codegen(context: Any, builder: ir.IRBuilder, _signature: Any, arguments: Any) -> Any:
        generate(Lanes(values[0], values[1]), *values[2:], builder, *arguments[len(literals) :])
        return context.get_dummy_value()

    return signature, codegen


@tile  # type: ignore[untyped-decorator]
def times_tile(_context: Any, bits: Any, width: Any, rows: Any, x: Any, stride: Any, w: Any, p: Any, z: Any) -> Any:
    """z[r, :] = Σⱼ x[r, j]·w[j, :] for ``rows`` rows at once."""

    def generate(lanes: Lanes, rows: int, builder: Any, x: Any, stride: Any, w: Any, p: Any, z: Any) -> None:
        _row_sums(lanes, builder, [lanes.zero] * rows, x, stride, w, p, z)

    return _emit((bits, width, rows), 5, generate)


def _row_sums(lanes: Lanes, builder: Any, start: list[Any], x: Any, stride: Any, w: Any, p: Any, z: Any) -> None:
    source, weights, out = lanes.scalars(builder, x), lanes.pointer(builder, w), lanes.pointer(builder, z)
    places = [builder.gep(source, [builder.mul(stride, I64(r))]) for r in range(len(start))]

    def body(j: Any, sums: list[Any]) -> list[Any]:
        row = lanes.load(builder, weights, j)
        entries = [lanes.splat(builder, builder.load(builder.gep(s, [j]))) for s in places]
        return [lanes.fma(builder, e, row, a) for e, a in zip(entries, sums, strict=True)]

    for r, total in enumerate(counted_loop(builder, p, start, body)):
        lanes.store(builder, total, out, I64(r))


@tile  # type: ignore[untyped-decorator]
def update_tile(_context: Any, bits: Any, width: Any, rows: Any, x: Any, stride: Any, w: Any, p: Any, z: Any) -> Any:
    """z[r, :] += Σⱼ x[r, j]·w[j, :] for ``rows`` rows at once, j < p with p ≥ 1."""

    def generate(lanes: Lanes, rows: int, builder: Any, x: Any, stride: Any, w: Any, p: Any, z: Any) -> None:
        out = lanes.pointer(builder, z)
        start = [lanes.load(builder, out, I64(r)) for r in range(rows)]
        _row_sums(lanes, builder, start, x, stride, w, p, z)

    return _emit((bits, width, rows), 5, generate)


@tile  # type: ignore[untyped-decorator]
def against_tile(_context: Any, bits: Any, width: Any, cols: Any, x: Any, stride: Any, t: Any, n: Any, g: Any) -> Any:
    """g[c, :] += Σᵢ x[i, c]·t[i, :] for ``cols`` columns at once."""

    def generate(lanes: Lanes, cols: int, builder: Any, x: Any, stride: Any, t: Any, n: Any, g: Any) -> None:
        source, rows, out = lanes.scalars(builder, x), lanes.pointer(builder, t), lanes.pointer(builder, g)
        start = [lanes.load(builder, out, I64(c)) for c in range(cols)]

        def body(i: Any, sums: list[Any]) -> list[Any]:
            row = lanes.load(builder, rows, i)
            place = builder.gep(source, [builder.mul(i, stride)])
            entries = [lanes.splat(builder, builder.load(builder.gep(place, [I64(c)]))) for c in range(cols)]
            return [lanes.fma(builder, e, row, a) for e, a in zip(entries, sums, strict=True)]

        for c, total in enumerate(counted_loop(builder, n, start, body)):
            lanes.store(builder, total, out, I64(c))

    return _emit((bits, width, cols), 5, generate)


@tile  # type: ignore[untyped-decorator]
def softmax_block(
    _context: Any, bits: Any, width: Any, z: Any, b: Any, y: Any, w: Any, n: Any, t: Any, peaks: Any, sums: Any
) -> Any:
    """For n rows z + b: t = y − q, each row's maximum and sum of exponentials, and the sums of wy·z, wq, wqqᵀ."""

    def generate(
        lanes: Lanes, builder: Any, z: Any, b: Any, y: Any, w: Any, n: Any, t: Any, peaks: Any, sums: Any
    ) -> None:
        logits, targets, out = (lanes.pointer(builder, a) for a in (z, y, t))
        weights, peak_out = lanes.scalars(builder, w), lanes.scalars(builder, peaks)
        bias = lanes.load(builder, lanes.pointer(builder, b), I64(0))

        def body(i: Any, carried: list[Any]) -> list[Any]:
            row = builder.fadd(lanes.load(builder, logits, i), bias)
            peak = lanes.max(builder, row)
            powers = lanes.exp(builder, builder.fsub(row, lanes.splat(builder, peak)))
            total = lanes.sum(builder, powers)
            q = builder.fmul(powers, lanes.splat(builder, builder.fdiv(ir.Constant(lanes.scalar, 1.0), total)))
            wide = lanes.splat(builder, builder.load(builder.gep(weights, [i])))
            target = lanes.load(builder, targets, i)
            theta = builder.fsub(target, q)
            lanes.store(builder, theta, out, i)
            twice = builder.mul(i, I64(2))
            builder.store(peak, builder.gep(peak_out, [twice]))
            builder.store(total, builder.gep(peak_out, [builder.add(twice, I64(1))]))
            weighted = builder.fmul(q, wide)
            entries = [builder.extract_element(weighted, ir.IntType(32)(c)) for c in range(lanes.width)]
            return [
                lanes.fma(builder, builder.fmul(target, wide), row, carried[0]),
                builder.fadd(carried[1], weighted),
                *[
                    lanes.fma(builder, lanes.splat(builder, e), q, old)
                    for e, old in zip(entries, carried[2:], strict=True)
                ],
            ]

        totals = lanes.pointer(builder, sums)
        for r, value in enumerate(counted_loop(builder, n, [lanes.zero] * (2 + lanes.width), body)):
            lanes.store(builder, value, totals, I64(r))

    return _emit((bits, width), 8, generate)


@tile  # type: ignore[untyped-decorator]
def rank_one(_context: Any, bits: Any, width: Any, g: Any, step: Any, out: Any, n: Any) -> Any:
    """out[i, :] −= g[i]·step for n rows."""

    def generate(lanes: Lanes, builder: Any, g: Any, step: Any, out: Any, n: Any) -> None:
        minus = builder.fneg(lanes.load(builder, lanes.pointer(builder, step), I64(0)))
        factors, rows = lanes.scalars(builder, g), lanes.pointer(builder, out)

        def body(i: Any, _none: list[Any]) -> list[Any]:
            factor = lanes.splat(builder, builder.load(builder.gep(factors, [i])))
            lanes.store(builder, lanes.fma(builder, factor, minus, lanes.load(builder, rows, i)), rows, i)
            return []

        counted_loop(builder, n, [], body)

    return _emit((bits, width), 4, generate)


@tile  # type: ignore[untyped-decorator]
def correct(_context: Any, bits: Any, width: Any, base: Any, left: Any, a: Any, v: Any, m: Any, out: Any) -> Any:
    """out = base + Σᵣ left[r·a, :]·v[r] over m ≥ 1 terms that are ``a`` rows apart."""

    def generate(lanes: Lanes, builder: Any, base: Any, left: Any, a: Any, v: Any, m: Any, out: Any) -> None:
        terms, factors = lanes.pointer(builder, left), lanes.scalars(builder, v)

        def body(r: Any, sums: list[Any]) -> list[Any]:
            factor = lanes.splat(builder, builder.load(builder.gep(factors, [r])))
            return [lanes.fma(builder, factor, lanes.load(builder, terms, builder.mul(r, a)), sums[0])]

        start = lanes.load(builder, lanes.pointer(builder, base), I64(0))
        lanes.store(builder, counted_loop(builder, m, [start], body)[0], lanes.pointer(builder, out), I64(0))

    return _emit((bits, width), 6, generate)


@tile  # type: ignore[untyped-decorator]
def project(_context: Any, bits: Any, width: Any, change: Any, right: Any, a: Any, v: Any, m: Any) -> Any:
    """v[r] += ⟨right[r·a, :], change⟩ for m ≥ 1 terms that are ``a`` rows apart."""

    def generate(lanes: Lanes, builder: Any, change: Any, right: Any, a: Any, v: Any, m: Any) -> None:
        moved = lanes.load(builder, lanes.pointer(builder, change), I64(0))
        terms, out = lanes.pointer(builder, right), lanes.scalars(builder, v)

        def body(r: Any, _none: list[Any]) -> list[Any]:
            total = lanes.sum(builder, builder.fmul(moved, lanes.load(builder, terms, builder.mul(r, a))))
            place = builder.gep(out, [r])
            builder.store(builder.fadd(builder.load(place), total), place)
            return []

        counted_loop(builder, m, [], body)

    return _emit((bits, width), 5, generate)


@tile  # type: ignore[untyped-decorator]
def axpy(_context: Any, bits: Any, width: Any, factors: Any, c: Any, rows: Any, out: Any) -> Any:
    """out −= factors[c]·rows[c, :]."""

    def generate(lanes: Lanes, builder: Any, factors: Any, c: Any, rows: Any, out: Any) -> None:
        target = lanes.pointer(builder, out)
        factor = builder.fneg(builder.load(builder.gep(lanes.scalars(builder, factors), [c])))
        row = lanes.load(builder, lanes.pointer(builder, rows), c)
        old = lanes.load(builder, target, I64(0))
        lanes.store(builder, lanes.fma(builder, lanes.splat(builder, factor), row, old), target, I64(0))

    return _emit((bits, width), 4, generate)
