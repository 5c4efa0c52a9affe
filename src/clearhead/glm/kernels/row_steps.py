"""Numba intrinsics of coordinate descent: what happens to one row of weights, held in vector registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from clearhead.glm.kernels.intrinsics import emit, tile
from clearhead.glm.kernels.ir import I64, Lanes, counted_loop

__all__ = ["axpy", "correct", "rank_one", "visit_entries"]


@tile  # type: ignore[untyped-decorator]
def rank_one(_context: Any, bits: Any, width: Any, g: Any, step: Any, out: Any, n: Any) -> Any:
    """out[i, :] += g[i]·step for n rows."""

    def generate(lanes: Lanes, builder: Any, g: Any, step: Any, out: Any, n: Any) -> None:
        moved = lanes.load(builder, lanes.pointer(builder, step), I64(0))
        factors, rows = lanes.scalars(builder, g), lanes.pointer(builder, out)

        def body(i: Any, _none: list[Any]) -> list[Any]:
            factor = lanes.splat(builder, builder.load(builder.gep(factors, [i])))
            lanes.store(builder, lanes.fma(builder, factor, moved, lanes.load(builder, rows, i)), rows, i)
            return []

        counted_loop(builder, n, [], body)

    return emit((bits, width), 4, generate)


@tile  # type: ignore[untyped-decorator]
def correct(_context: Any, bits: Any, width: Any, base: Any, left: Any, v: Any, m: Any, out: Any) -> Any:
    """out = base + Σᵣ left[r, :]·v[r] over m terms, m ≥ 4 and a multiple of 4: four sums hide each other's latency."""

    def generate(lanes: Lanes, builder: Any, base: Any, left: Any, v: Any, m: Any, out: Any) -> None:
        terms, factors = lanes.pointer(builder, left), lanes.scalars(builder, v)

        def body(i: Any, sums: list[Any]) -> list[Any]:
            following = []
            for part, old in enumerate(sums):
                r = builder.add(builder.mul(i, I64(4)), I64(part))
                factor = lanes.splat(builder, builder.load(builder.gep(factors, [r])))
                following.append(lanes.fma(builder, factor, lanes.load(builder, terms, r), old))
            return following

        start = [lanes.load(builder, lanes.pointer(builder, base), I64(0)), lanes.zero, lanes.zero, lanes.zero]
        a, b, c, d = counted_loop(builder, builder.sdiv(m, I64(4)), start, body)
        total = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
        lanes.store(builder, total, lanes.pointer(builder, out), I64(0))

    return emit((bits, width), 5, generate)


@tile  # type: ignore[untyped-decorator]
def visit_entries(
    _context: Any, bits: Any, width: Any,
    row: Any, K: Any, diagonal: Any, inverse: Any, bounds: Any, weights: Any, change: Any, peak: Any, k: Any,
) -> Any:  # fmt: skip
    """Minimise a quadratic plus penalty over the first k of ``width`` entries of a row, one after the other.

    ``row`` is the model's slope; the strict upper triangle of its Hessian in K (width, width), its ``diagonal``, and
    ``inverse`` 1/(diagonal + ridge), zero beyond k; an entry is zero where its pull is within its ``bounds`` (2,
    width). Updates ``weights``, writes the ``change`` and raises ``peak`` to diagonal·change². Returns 1 if anything
    changed, plus 2 if any weight is not zero. No branch depends on the numbers.
    """

    def generate(
        lanes: Lanes, builder: Any,
        row: Any, K: Any, diagonal: Any, inverse: Any, bounds: Any, weights: Any, change: Any, peak: Any, k: Any,
    ) -> Any:  # fmt: skip
        def vector(address: Any) -> Any:
            return lanes.load(builder, lanes.pointer(builder, address), I64(0))

        limits, coupling = lanes.pointer(builder, bounds), lanes.pointer(builder, K)
        low, high = (lanes.load(builder, limits, I64(i)) for i in (0, 1))
        W, h, scale = vector(weights), vector(diagonal), vector(inverse)
        pull = lanes.fma(builder, h, W, vector(row))

        def moved(pull: Any) -> Any:
            """Every entry's change, were it the next; W = 0 inside the bounds stays exactly zero."""
            beyond = builder.fsub(pull, lanes.larger(builder, low, lanes.smaller(builder, pull, high)))
            return lanes.fma(builder, beyond, scale, builder.fneg(W))

        done, ends = builder.append_basic_block("done"), []
        for c in range(lanes.width - 1):
            ends.append((pull, builder.block))
            following = builder.append_basic_block("entry")
            builder.cbranch(builder.icmp_signed("<", I64(c + 1), k), following, done)
            builder.position_at_end(following)
            step = builder.fneg(lanes.lane(builder, moved(pull), c))
            pull = lanes.fma(builder, step, lanes.load(builder, coupling, I64(c)), pull)
        ends.append((pull, builder.block))
        builder.branch(done)
        builder.position_at_end(done)
        final = builder.phi(lanes.vector)
        for value, block in ends:
            final.add_incoming(value, block)
        d = moved(final)
        new = builder.fadd(W, d)
        lanes.store(builder, new, lanes.pointer(builder, weights), I64(0))
        lanes.store(builder, d, lanes.pointer(builder, change), I64(0))
        highest = lanes.larger(builder, builder.fmul(h, builder.fmul(d, d)), vector(peak))
        lanes.store(builder, highest, lanes.pointer(builder, peak), I64(0))
        changed, used = (builder.zext(lanes.any_nonzero(builder, v), ir.IntType(64)) for v in (d, new))
        return builder.add(changed, builder.mul(used, I64(2)))

    return emit((bits, width), 9, generate, types.int64)


@tile  # type: ignore[untyped-decorator]
def axpy(_context: Any, bits: Any, width: Any, factors: Any, c: Any, rows: Any, out: Any) -> Any:
    """out −= factors[c]·rows[c, :]."""

    def generate(lanes: Lanes, builder: Any, factors: Any, c: Any, rows: Any, out: Any) -> None:
        target = lanes.pointer(builder, out)
        factor = builder.fneg(builder.load(builder.gep(lanes.scalars(builder, factors), [c])))
        row = lanes.load(builder, lanes.pointer(builder, rows), c)
        old = lanes.load(builder, target, I64(0))
        lanes.store(builder, lanes.fma(builder, lanes.splat(builder, factor), row, old), target, I64(0))

    return emit((bits, width), 4, generate)
