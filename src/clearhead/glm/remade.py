"""Arrays of rows × many outputs, as few of them at once as can be: logits until they are let go, no residual whole.

Such an array is as large as half of the features where outputs are 1,000 and features 2,048 (decision 0104).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.block import Block
from clearhead.glm.design import Design
from clearhead.glm.fit import FULL_CURVATURE, Fit
from clearhead.glm.lazy import cached_property
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.room import give_back_large
from clearhead.glm.row_arrays import Held, Logits

__all__ = ["Remade"]


@dataclass(eq=False)
class _Logits:
    """offset + Z·W by its weights W (p, k), and the ``values`` (n, k) while they are held."""

    W: Tensor
    values: Tensor | None


@dataclass(frozen=True, eq=False)
class _Residual:
    """θ at logits + b, by these alone."""

    logits: _Logits
    b: Tensor


class Remade(Held):
    """Residuals are made from logits, some rows at a time, wherever they are asked for: an exponential takes little
    beside the products that follow it, and memory that is asked for anew comes page by page."""

    @staticmethod
    def serves(design: Design, loss: Loss, outputs: int) -> bool:
        """Whether it suits the loss and all rows are at hand."""
        suited = Remade.suits(loss, outputs, design.device)
        return suited and not design.costly and design.all_rows() is not None

    @staticmethod
    def suits(loss: Loss, outputs: int, device: torch.device) -> bool:
        """Whether a softmax has many outputs; on a GPU many small calls would wait."""
        return outputs > FULL_CURVATURE and isinstance(loss, Multinomial) and device.type == "cpu"

    def logits(self, W: Tensor) -> _Logits:
        return _Logits(W, self._times(W))

    def adopted(self, logits: Logits, W: Tensor) -> _Logits:
        return logits if isinstance(logits, _Logits) else _Logits(W, logits)

    def release(self, logits: _Logits) -> None:
        logits.values = None

    def fit(self, logits: _Logits, b: Tensor) -> Fit:
        packed = torch.stack([fit.packed() for _, fit in self._fits(logits, b)]).sum(0)
        return Fit.unpacked(packed, self.residual(logits, b), self.targets.shape[1])

    def residual(self, logits: _Logits, b: Tensor) -> _Residual:
        return _Residual(logits, b.clone())

    def against(self, theta: _Residual) -> Tensor:
        sums = self._sums(self.targets.shape[1])
        for span, fit in self._fits(theta.logits, theta.b):
            sums += self._against_some(self._all_rows.rows(span), fit, span)
        self.design.reads += 1
        give_back_large(*sums.shape)
        return distributed.all_reduce(sums) / self.design.total

    def written_residual(self, theta: _Residual) -> Tensor:
        return torch.cat([fit.theta.clone() for _, fit in self._fits(theta.logits, theta.b)])

    def _fits(self, logits: _Logits, b: Tensor) -> Iterator[tuple[slice, Fit]]:
        """The fit of some rows after the other, each with residuals that the next one may overwrite."""
        values, rows = self._values(logits), len(self._buffer)
        for start in range(0, len(values), rows):
            span = slice(start, min(start + rows, len(values)))
            yield span, self._some(values[span], b, span, self._buffer[: span.stop - start])

    def _values(self, logits: _Logits) -> Tensor:
        if logits.values is None:
            logits.values = self._times(logits.W)
        return logits.values

    @cached_property
    def _all_rows(self) -> Block:
        rows = self.design.all_rows()
        assert rows is not None
        return rows

    @cached_property
    def _buffer(self) -> Tensor:
        """For the residuals of a block of rows."""
        rows = min(self._rows, len(self.targets))
        return torch.empty(rows, self.width, dtype=self.design.dtype, device=self.design.device)
