"""Pieces of LLVM vector code: loads, broadcasts, fused multiply-add, exponential. Element type and width are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import get_host_cpu_features  # type: ignore[import-untyped]

__all__ = ["CACHE_LINE", "I64", "Lanes", "Stored", "counted_loop", "native_lanes"]

I32, I64 = ir.IntType(32), ir.IntType(64)
CACHE_LINE = 64  # bytes

# exp on |r| ≤ ln(2)/2: (clamp, the two parts of ln 2, polynomial from the highest power, exponent bias and shift).
# Below the clamp it is zero, so high that no square of a probability is subnormal: on some processors one operation on
# a subnormal number takes as long as a hundred others.
EXP32 = (
    -36.0,
    0.693359375,
    -2.12194440e-4,
    (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0, 1.0),
    (127, 23),
)
FACTORIALS = [1.0]
for _i in range(1, 14):
    FACTORIALS.append(FACTORIALS[-1] / _i)
EXP64 = (-300.0, 0.693145751953125, 1.42860682030941723212e-6, tuple(reversed(FACTORIALS)), (1023, 52))


@dataclass(frozen=True)
class Lanes:
    """A vector of ``width`` floats of 32 or 64 ``bits`` and the operations on it."""

    bits: int
    width: int

    @property
    def scalar(self) -> Any:
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()

    @property
    def vector(self) -> Any:
        return ir.VectorType(self.scalar, self.width)

    @property
    def integers(self) -> Any:
        return ir.VectorType(I32 if self.bits == 32 else I64, self.width)

    @property
    def zero(self) -> Any:
        return self.constant(0.0)

    @property
    def suffix(self) -> str:
        return f"v{self.width}f{self.bits}"

    def constant(self, value: float) -> Any:
        return ir.Constant(self.vector, [value] * self.width)

    def pointer(self, builder: Any, address: Any) -> Any:
        """A vector pointer from an integer address."""
        return builder.inttoptr(address, self.vector.as_pointer())

    def scalars(self, builder: Any, address: Any) -> Any:
        """A scalar pointer from an integer address."""
        return builder.inttoptr(address, self.scalar.as_pointer())

    def vectors(self, builder: Any, address: Any, offset: Any) -> Any:
        """A vector pointer ``offset`` scalars beyond an integer address."""
        return builder.bitcast(builder.gep(self.scalars(builder, address), [offset]), self.vector.as_pointer())

    def load(self, builder: Any, pointer: Any, index: Any) -> Any:
        return builder.load(builder.gep(pointer, [index]), align=self.bits // 8)

    def store(self, builder: Any, value: Any, pointer: Any, index: Any) -> None:
        builder.store(value, builder.gep(pointer, [index]), align=self.bits // 8)

    def prefetch(self, builder: Any, address: Any) -> None:
        """Bring the cache line of an integer address near, which may lie beyond the array."""
        place = builder.inttoptr(address, ir.IntType(8).as_pointer())
        arguments = [place, I32(0), I32(2), I32(1)]  # to read, second level, data
        self.call(builder, "llvm.prefetch.p0i8", ir.VoidType(), arguments)

    def splat(self, builder: Any, value: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        return self.lane(builder, builder.insert_element(undefined, value, I32(0)), 0)

    def fma(self, builder: Any, a: Any, b: Any, c: Any) -> Any:
        """a·b + c."""
        return self.call(builder, f"llvm.fma.{self.suffix}", self.vector, [a, b, c])

    def larger(self, builder: Any, a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    def smaller(self, builder: Any, a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", a, b), a, b)

    def lane(self, builder: Any, v: Any, c: int) -> Any:
        """Lane c in all lanes."""
        mask = ir.Constant(ir.VectorType(I32, self.width), [c] * self.width)
        return builder.shuffle_vector(v, ir.Constant(self.vector, ir.Undefined), mask)

    def where_equal(self, builder: Any, numbers: Any, number: Any) -> Any:
        """1 in the lanes whose integer is an int64 ``number``, 0 elsewhere."""
        kind = self.integers
        index = number if kind.element.width == 64 else builder.trunc(number, kind.element)
        first = builder.insert_element(ir.Constant(kind, ir.Undefined), index, I32(0))
        everywhere = ir.Constant(ir.VectorType(I32, self.width), [0] * self.width)
        wanted = builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), everywhere)
        return builder.select(builder.icmp_signed("==", numbers, wanted), self.constant(1.0), self.zero)

    def any_nonzero(self, builder: Any, v: Any) -> Any:
        """Whether a lane differs from zero, as one bit."""
        mask = builder.bitcast(builder.fcmp_unordered("!=", v, self.zero), ir.IntType(self.width))
        return builder.icmp_unsigned("!=", mask, ir.Constant(ir.IntType(self.width), 0))

    def call(
        self, builder: Any, name: str, result: Any, arguments: Sequence[Any], fastmath: tuple[str, ...] = ()
    ) -> Any:
        module = builder.module
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(result, [a.type for a in arguments]), name)
        return builder.call(module.globals[name], arguments, fastmath=fastmath)

    def sum(self, builder: Any, v: Any) -> Any:
        start = ir.Constant(self.scalar, -0.0)
        name = f"llvm.vector.reduce.fadd.{self.suffix}"
        return self.call(builder, name, self.scalar, [start, v], ("reassoc",))

    def max(self, builder: Any, v: Any) -> Any:
        """The largest lane; that there is no NaN is taken on trust, for minding it doubles a softmax pass."""
        name = f"llvm.vector.reduce.fmax.{self.suffix}"
        return self.call(builder, name, self.scalar, [v], ("reassoc", "nnan"))

    def exp(self, builder: Any, x: Any) -> Any:
        """exp(x) for x ≤ 0, to rounding; zero below the clamp."""
        clamp, high, low, coefficients, (bias, shift) = EXP32 if self.bits == 32 else EXP64
        counts = builder.fcmp_ordered(">=", x, self.constant(clamp))
        x = self.larger(builder, x, self.constant(clamp))
        scaled = builder.fmul(x, self.constant(1.4426950408889634))
        n = self.call(builder, f"llvm.nearbyint.{self.suffix}", self.vector, [scaled])
        r = self.fma(builder, n, self.constant(-high), x)
        r = self.fma(builder, n, self.constant(-low), r)
        y = self.constant(coefficients[0])
        for c in coefficients[1:]:
            y = self.fma(builder, y, r, self.constant(c))
        whole = builder.fptosi(n, self.integers)
        biased = builder.add(whole, ir.Constant(self.integers, [bias] * self.width))
        power = builder.bitcast(builder.shl(biased, ir.Constant(self.integers, [shift] * self.width)), self.vector)
        return builder.select(counts, builder.fmul(y, power), self.zero)


@dataclass(frozen=True)
class Stored:
    """Numbers as they are stored, which become ``lanes`` when loaded: of ``kind`` 0 and 1 the same floats, of 2 IEEE
    half precision, of 3 bfloat16."""

    lanes: Lanes
    kind: int

    @property
    def scalar(self) -> Any:
        return {2: ir.HalfType(), 3: ir.IntType(16)}.get(self.kind, self.lanes.scalar)

    def vectors(self, builder: Any, address: Any, offset: Any) -> Any:
        """A vector pointer ``offset`` stored numbers beyond an integer address."""
        first = builder.gep(builder.inttoptr(address, self.scalar.as_pointer()), [offset])
        return builder.bitcast(first, ir.VectorType(self.scalar, self.lanes.width).as_pointer())

    def load(self, builder: Any, pointer: Any, index: Any) -> Any:
        values = builder.load(builder.gep(pointer, [index]), align=2 if self.kind > 1 else self.lanes.bits // 8)
        if self.kind == 2:
            return builder.fpext(values, self.lanes.vector)
        if self.kind == 3:  # the upper half of a float32
            wide = builder.zext(values, self.lanes.integers)
            shifted = builder.shl(wide, ir.Constant(self.lanes.integers, [16] * self.lanes.width))
            return builder.bitcast(shifted, self.lanes.vector)
        return values


@cache
def native_lanes(bits: int) -> int:
    """Floats of this many bits in a vector register of this machine, 32 bytes where there is no AVX-512."""
    return (64 if get_host_cpu_features().get("avx512f") else 32) * 8 // bits


def counted_loop(builder: Any, count: Any, carried: Sequence[Any], body: Any) -> list[Any]:
    """``for i in range(count)`` (count ≥ 1) whose ``body(i, values)`` returns the next carried values."""
    entry = builder.block
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    i = builder.phi(I64)
    i.add_incoming(I64(0), entry)
    values = [builder.phi(v.type) for v in carried]
    for phi, start in zip(values, carried, strict=True):
        phi.add_incoming(start, entry)
    following = body(i, values)
    after = builder.add(i, I64(1))
    i.add_incoming(after, builder.block)
    for phi, value in zip(values, following, strict=True):
        phi.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed("<", after, count), loop, done)
    builder.position_at_end(done)
    return list(following)
