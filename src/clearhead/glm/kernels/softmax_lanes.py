"""The softmax of as many rows at once as a vector register has lanes: a row to a lane, so that no sum goes across."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

from clearhead.glm.kernels.intrinsics import emit, tile
from clearhead.glm.kernels.ir import I64, Lanes, counted_loop

__all__ = ["softmax_lanes"]


@tile  # type: ignore[untyped-decorator]
def softmax_lanes(
    _context: Any, bits: Any, lanes: Any, width: Any, labelled: Any,
    z: Any, b: Any, y: Any, w: Any, k: Any, t: Any, terms: Any, sums: Any, scratch: Any,
) -> Any:  # fmt: skip
    """For ``lanes`` rows z + b of ``width`` numbers, of which k ≥ 1 count: t = y − q with zeros beyond k, each row's
    Σ yᵢ(zᵢ − max z) and Σ exp(zᵢ − max z), the two rows of ``terms`` (2, lanes), and added to ``sums`` (1 + width,
    width, lanes) those of wq, and of wq_c q_d for d ≤ c, lane by lane. With ``labelled`` 1, y has one class number a
    row, int64. ``scratch`` (3, width, lanes) must be zero at first.
    """

    def generate(
        lanes: Lanes, width: int, labelled: int, builder: Any,
        z: Any, b: Any, y: Any, w: Any, k: Any, t: Any, terms: Any, sums: Any, scratch: Any,
    ) -> None:  # fmt: skip
        line = width * lanes.width
        columns, residuals, targets = (lanes.vectors(builder, scratch, I64(i * line)) for i in range(3))
        bias, totals = lanes.scalars(builder, b), lanes.pointer(builder, sums)
        numbers = None if not labelled else _labels(lanes, builder, y)
        _transpose(lanes, builder, z, columns, width)
        if not labelled:
            _transpose(lanes, builder, y, targets, width)

        def highest(c: Any, carried: list[Any]) -> list[Any]:
            shift = lanes.splat(builder, builder.load(builder.gep(bias, [c])))
            value = builder.fadd(lanes.load(builder, columns, c), shift)
            lanes.store(builder, value, columns, c)
            return [lanes.larger(builder, value, carried[0])]

        peak = counted_loop(builder, k, [lanes.constant(-3e38)], highest)[0]

        def powers(c: Any, carried: list[Any]) -> list[Any]:
            fitted, total = carried
            below = builder.fsub(lanes.load(builder, columns, c), peak)
            power = lanes.exp(builder, below)
            lanes.store(builder, power, columns, c)
            target = lanes.load(builder, targets, c) if numbers is None else lanes.where_equal(builder, numbers, c)
            lanes.store(builder, target, residuals, c)
            return [lanes.fma(builder, target, below, fitted), builder.fadd(total, power)]

        fitted, total = counted_loop(builder, k, [lanes.zero, lanes.zero], powers)
        for place, value in enumerate((fitted, total)):
            lanes.store(builder, value, lanes.pointer(builder, terms), I64(place))
        inverse = builder.fdiv(lanes.constant(1.0), total)
        weights = lanes.load(builder, lanes.pointer(builder, w), I64(0))

        def sum_up(c: Any, _none: list[Any]) -> list[Any]:
            power = lanes.load(builder, columns, c)
            q = builder.fmul(power, inverse)
            lanes.store(builder, q, columns, c)
            theta = lanes.fma(builder, builder.fneg(power), inverse, lanes.load(builder, residuals, c))
            lanes.store(builder, theta, residuals, c)
            weighted = builder.fmul(q, weights)
            lanes.store(builder, builder.fadd(weighted, lanes.load(builder, totals, c)), totals, c)
            outer = builder.gep(totals, [builder.mul(builder.add(c, I64(1)), I64(width))])

            def add_product(d: Any, _none: list[Any]) -> list[Any]:
                old = lanes.load(builder, outer, d)
                lanes.store(builder, lanes.fma(builder, weighted, lanes.load(builder, columns, d), old), outer, d)
                return []

            counted_loop(builder, builder.add(c, I64(1)), [], add_product)
            return []

        counted_loop(builder, k, [], sum_up)
        _transpose_back(lanes, builder, residuals, t, width)

    return emit((bits, lanes, width, labelled), 9, generate)


def _labels(lanes: Lanes, builder: Any, y: Any) -> Any:
    """Class numbers of as many rows as there are lanes, in integers of the lanes' size."""
    wide = ir.VectorType(I64, lanes.width)
    numbers = builder.load(builder.inttoptr(y, wide.as_pointer()), align=8)
    return numbers if lanes.bits == 64 else builder.trunc(numbers, lanes.integers)


def _transpose(lanes: Lanes, builder: Any, rows: Any, columns: Any, width: int) -> None:
    """``columns`` (width, lanes) of ``rows`` (lanes, width): by square blocks, one or more to a register."""
    side = min(width, lanes.width)
    part, several = Lanes(lanes.bits, side), lanes.width // side
    for first in range(0, width, side):
        block = []
        for r in range(side):
            pieces = [
                part.load(builder, part.vectors(builder, rows, I64((s * side + r) * width + first)), I64(0))
                for s in range(several)
            ]
            block.append(pieces[0] if several == 1 else _joined(builder, *pieces))
        for c, column in enumerate(_squares(builder, block, lanes.width)):
            lanes.store(builder, column, columns, I64(first + c))


def _transpose_back(lanes: Lanes, builder: Any, columns: Any, rows: Any, width: int) -> None:
    """``rows`` (lanes, width) of ``columns`` (width, lanes)."""
    side = min(width, lanes.width)
    part, several = Lanes(lanes.bits, side), lanes.width // side
    for first in range(0, width, side):
        block = [lanes.load(builder, columns, I64(first + c)) for c in range(side)]
        for r, row in enumerate(_squares(builder, block, lanes.width)):
            for s in range(several):
                piece = _shuffled(builder, row, row, range(s * side, (s + 1) * side))
                place = part.vectors(builder, rows, I64((s * side + r) * width + first))
                part.store(builder, piece, place, I64(0))


def _squares(builder: Any, block: list[Any], width: int) -> list[Any]:
    """The transposes of the square blocks that lie side by side in registers of ``width`` lanes: half the rows and
    half the columns change places, then half of these, and so on."""
    stride = 1
    while stride < len(block):
        block = list(block)
        kept = [j if not j & stride else width + j - stride for j in range(width)]
        moved = [j + stride if not j & stride else width + j for j in range(width)]
        for i in range(len(block)):
            if not i & stride:
                a, b = block[i], block[i + stride]
                block[i], block[i + stride] = _shuffled(builder, a, b, kept), _shuffled(builder, a, b, moved)
        stride *= 2
    return block


def _joined(builder: Any, a: Any, b: Any) -> Any:
    return _shuffled(builder, a, b, range(2 * a.type.count))


def _shuffled(builder: Any, a: Any, b: Any, places: Any) -> Any:
    mask = list(places)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(mask)), mask))
