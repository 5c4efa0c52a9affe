"""Some rows of a design as they are stored, standardised while they are multiplied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear

from clearhead.core.quantized import CODES
from clearhead.glm.kernels.threads import over_rows
from clearhead.glm.products import BITS, VECTOR_OUTPUTS, padded, padded_width, product, transposed_product
from clearhead.glm.split import HALVES, split_product, split_transposed, tensor_cores

if TYPE_CHECKING:
    from clearhead.glm.kernels.softmax import SoftmaxPass

__all__ = ["Block", "deviations", "is_near", "some_columns", "some_rows"]

LARGE = 1e15  # of a mean or an inverse deviation: what float32 multiplies and sums without overflow
CHUNK = 256  # rows summed at once
DEAR = 8  # features that are multiplied in the time in which one is gathered
GATHERED = 150  # features whose time a pass over gathered ones saves otherwise
NEAR = 10.0  # deviations from zero to a mean: a digit of float32's seven


@dataclass(frozen=True, eq=False)
class Block:
    """(raw − mean)·inverse for raw (m, p), or raw itself; nothing is written out unless `dense` is asked for.

    ``mean`` and ``inverse`` (p,) are in the arithmetic's type.
    """

    raw: Tensor
    mean: Tensor | None = None
    inverse: Tensor | None = None

    def __len__(self) -> int:
        return len(self.raw)

    def dense(self) -> Tensor:
        """(m, p) in the arithmetic's type."""
        if self.mean is None or self.inverse is None:
            return self.raw
        return self.raw.to(self.mean.dtype, copy=True).sub_(self.mean).mul_(self.inverse)

    def columns(self, features: Tensor) -> Block:
        """These features alone."""
        raw = some_columns(self.raw, features)
        if self.mean is None or self.inverse is None:
            return Block(raw)
        return Block(raw, self.mean[features], self.inverse[features])

    def rows(self, span: slice) -> Block:
        """A range of its rows."""
        return Block(self.raw[span], self.mean, self.inverse)

    def times(self, W: Tensor, into: Tensor | None = None) -> Tensor:
        """(m, width) the rows times W (p, k), padded with zeros; added to ``into``, all zeros, where it is given."""
        if into is not None and (self.mean is None or not self._compiled(W.shape[1])):
            return into.copy_(self.times(W))
        if self.mean is None or self.inverse is None:
            return product(self.raw, W)
        scaled = W * self.inverse[:, None]
        if self._splits:
            values = split_product(self._halves, scaled, -(self.mean @ scaled))
            return padded(values, padded_width(values.shape[1], values.device))
        if self._whole(W.shape[1]):
            return linear(self.raw, scaled.T.contiguous(), -(self.mean @ scaled))
        if not self._compiled(W.shape[1]):
            return product(self.dense(), W)
        from clearhead.glm.kernels.products import times

        width = padded_width(W.shape[1], self.raw.device)
        out = torch.zeros(len(self.raw), width, dtype=self.mean.dtype) if into is None else into
        times(self.raw, scaled, out, self.mean)
        return out

    def against(self, T: Tensor, outputs: int) -> Tensor:
        """(p, outputs) float64 the rows, transposed, times padded T (m, width)."""
        if self.mean is None or self.inverse is None:
            return transposed_product(self.raw, T, outputs)
        if self._splits:
            return self._centred(split_transposed(self._halves, T[:, :outputs]).double(), T)
        if self._whole(outputs):
            return self._centred(transposed_product(self.raw, T, outputs), T)
        if not self._compiled(outputs):
            return transposed_product(self.dense(), T, outputs)
        from clearhead.glm.kernels.products import against

        return against(self.raw, T.contiguous(), outputs, self.mean) * self.inverse.double()[:, None]

    def fused(
        self, W: Tensor, used: Tensor | None, b: Tensor, Y: Tensor, weight: Tensor, gradient: bool
    ) -> tuple[SoftmaxPass, Tensor | None]:
        """The softmax pass at the rows times W plus b, with the gradient (p, k) if asked for, where `fuses`; ``W``
        (u, k) has the weights of the features ``used`` (u,), or of all of them."""
        from clearhead.glm.kernels.fused import fused_pass

        width = padded_width(W.shape[1], self.raw.device)
        used, W = _as_they_lie(used, W)
        if self.mean is None or self.inverse is None:
            return fused_pass(self.raw, None, used, W, b, Y, weight, width, gradient)
        inverse = self.inverse[: len(W)] if used is None else self.inverse[used]
        scaled = W * inverse[:, None]
        passed, slope = fused_pass(self.raw, self.mean, used, scaled, b, Y, weight, width, gradient)
        return passed, None if slope is None else slope * self.inverse.double()[:, None]

    def fuses(self, outputs: int) -> bool:
        """Whether `fused` applies."""
        if self.mean is None:
            return 1 < outputs <= VECTOR_OUTPUTS and self.raw.device.type == "cpu" and self.raw.stride(1) == 1
        return outputs > 1 and self._compiled(outputs)

    def _centred(self, sums: Tensor, T: Tensor) -> Tensor:
        """`against` from the sums (p, outputs) over the rows as they are stored, which it changes."""
        assert self.mean is not None
        assert self.inverse is not None
        centre = torch.outer(self.mean.double(), _column_sums(T[:, : sums.shape[1]]))
        return sums.sub_(centre).mul_(self.inverse.double()[:, None])

    @property
    def _splits(self) -> bool:
        """Whether half-precision rows are multiplied as they are, by columns split in half-precision terms."""
        return self.raw.dtype is CODES or (self.raw.dtype in HALVES and tensor_cores(self.raw.device))

    def _whole(self, outputs: int) -> bool:
        """Whether rows in the arithmetic's type are multiplied as they are by matrix products, the means' share taken
        off the result: where that loses no digits."""
        assert self.mean is not None
        assert self.inverse is not None
        wide = self.raw.dtype is self.mean.dtype and outputs > VECTOR_OUTPUTS and self.raw.device.type == "cpu"
        return wide and is_near(self.mean, self.inverse)

    @property
    def _halves(self) -> Tensor:
        """The rows in half precision; every code is a float16 number."""
        return self.raw.half() if self.raw.dtype is CODES else self.raw

    def _compiled(self, outputs: int) -> bool:
        assert self.mean is not None
        known = self.raw.dtype is self.mean.dtype or (self.raw.dtype in HALVES and self.mean.dtype is torch.float32)
        return outputs <= VECTOR_OUTPUTS and self.raw.device.type == "cpu" and self.raw.stride(1) == 1 and known


def _as_they_lie(used: Tensor | None, W: Tensor) -> tuple[Tensor | None, Tensor]:
    """Features (u,) and their weights (u, k), or None and the weights of all features up to the last one of these,
    where to multiply by some zeros takes less than to gather the others."""
    if used is None or not len(used):
        return used, W
    stop = int(used.max()) + 1
    if DEAR * len(used) < stop + GATHERED:
        return used, W
    return None, W.new_zeros(stop, W.shape[1]).index_copy_(0, used, W)


def _column_sums(T: Tensor) -> Tensor:
    """(k,) float64 of T (m, k), which torch would copy whole in float64 first."""
    parts = torch.split(T, CHUNK if T.device.type == "cpu" else len(T))
    return torch.stack([part.sum(0, dtype=torch.float64) for part in parts]).sum(0)


def deviations(mean: Tensor, inverse: Tensor) -> float:
    """From zero to the farthest mean; 0 where there is none."""
    return float((mean * inverse).abs().max()) if len(mean) else 0.0


def is_near(mean: Tensor, inverse: Tensor) -> bool:
    """Whether means are so few deviations from zero that their share can be taken off a product in its own type, and
    neither is so large that a product overflows."""
    small = bool((mean.abs() <= LARGE).all() and (inverse <= LARGE).all())
    return small and deviations(mean, inverse) <= NEAR


def some_columns(raw: Tensor, features: Tensor, into: Tensor | None = None) -> Tensor:
    """raw[:, features] of raw (m, p), written ``into`` (m, a) of its type if it is given; numpy is up to four times as
    fast at it."""
    bits = raw.detach().view(BITS[raw.element_size()])
    if raw.device.type != "cpu":
        picked = bits[:, features].view(raw.dtype)
        return picked if into is None else into.copy_(picked)
    into = torch.empty(len(raw), len(features), dtype=raw.dtype) if into is None else into
    given, places, out = bits.numpy(), features.numpy(), into.view(bits.dtype).numpy()

    def pick(_part: int, start: int, stop: int) -> None:
        # Numbers out of range are none; told that they may be, numpy copies all of them once more.
        given[start:stop].take(places, axis=1, out=out[start:stop], mode="clip")

    over_rows(len(raw), pick)
    return into


def some_rows(raw: Tensor, index: Tensor) -> Tensor:
    """raw[index] of raw (m, p) in any type."""
    return raw.detach().view(BITS[raw.element_size()])[index].view(raw.dtype)
