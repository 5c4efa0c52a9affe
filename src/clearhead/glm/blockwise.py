"""Arrays of rows × outputs that are never held: weights stand for logits, and each pass makes a block of rows anew.

With 20,000 classes one such array is 80 kB a row (decision 0104).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm import room
from clearhead.glm.block import Block
from clearhead.glm.design import Design
from clearhead.glm.fit import Fit
from clearhead.glm.losses import Multinomial
from clearhead.glm.products import VECTOR_OUTPUTS, padded, padded_width
from clearhead.glm.row_arrays import Logits, RowArrays
from clearhead.glm.targets import Labels, numbers_or_rows

__all__ = ["Blockwise", "Deferred"]


@dataclass(frozen=True, eq=False)
class Deferred:
    """offset + Z·W by its weights W (p, k) alone."""

    W: Tensor


@dataclass(frozen=True, eq=False)
class _Residual:
    """θ at offset + Z·W + b, by W and b alone."""

    W: Tensor
    b: Tensor

    def same(self, W: Tensor, b: Tensor) -> bool:
        return (self.W is W or torch.equal(self.W, W)) and torch.equal(self.b, b)


@dataclass(frozen=True, eq=False)
class _Used:
    """Which blocks to walk, those of ``design``, and the weights (u, k) of the features ``picked`` (u,) in them, or of
    all features."""

    any: bool
    design: Design
    picked: Tensor | None
    weights: Tensor

    @classmethod
    def of(cls, W: Tensor, design: Design, whole: bool = False) -> _Used:
        """For products with W alone, or with ``whole`` for gradients too."""
        used = (W != 0).any(1).nonzero().flatten()
        holder, picked = Design.holding(design, used) if whole else design.holding(used)
        return cls(len(used) > 0, holder, picked, W if picked is None and holder is design else W[used])


@dataclass(eq=False)
class Blockwise(RowArrays):
    """No array of rows × outputs: each pass over Z makes what it needs of them, `BLOCK_BYTES` at a time.

    The last fit and the last product are remembered: a point is certified where a line search ended, and a λ begins
    where the one before ended.
    """

    held: ClassVar[bool] = False

    _fit: Fit | None = None
    _slope: tuple[_Residual, Tensor] | None = None
    _last: Tensor | None = None  # the weights of the last pass without gradient, and how many there were of them
    _tried: int = 0

    def logits(self, W: Tensor) -> Deferred:
        return Deferred(W.to(self.design.device, self.design.dtype))

    def fit(self, logits: Deferred, b: Tensor) -> Fit:
        if self._fit is None or not distributed.all_agree(self._fit.theta.same(logits.W, b)):
            theta, self._tried = self.residual(logits, b), self._tried + 1 if self._last is logits.W else 1
            self._last = logits.W
            # The third intercept for the same weights is seldom not the last, whose gradient is asked for next.
            ends = self._tried == 3 and bool((logits.W != 0).any())
            sums, slope = self._walk(logits.W, b, gradient=ends)
            if ends:
                self.remember(theta, distributed.all_reduce(slope) / self.design.total)
            self._fit = Fit.unpacked(sums, theta, self.targets.shape[1])
        return self._fit

    def adopted(self, logits: Logits, W: Tensor) -> Deferred:
        return self.logits(W)

    def residual(self, logits: Deferred, b: Tensor) -> _Residual:
        return _Residual(logits.W, b.clone())

    def against(self, theta: _Residual) -> Tensor:
        if self._slope is None or not distributed.all_agree(self._slope[0].same(theta.W, theta.b)):
            _, sums = self._walk(theta.W, theta.b, gradient=True)
            self._slope = theta, distributed.all_reduce(sums) / self.design.total
        return self._slope[1].clone()

    def written_residual(self, theta: _Residual) -> None:
        return None

    def remember(self, theta: _Residual, slope: Tensor) -> None:
        """Learn that ``against(theta)`` is ``slope``."""
        self._slope = theta, slope

    def moments(self) -> tuple[Tensor, Tensor]:
        k = self.targets.shape[1]
        if isinstance(self.targets, Labels) and k >= VECTOR_OUTPUTS:
            return self._class_sums(self.targets.labels)
        sums = self._sums(k + 1)
        for span, Z in self._blocks():
            weight = self.design.weight[span, None]
            columns = torch.cat([self.written(span)[:, :k] * weight, weight], 1)
            sums += Z.against(padded(columns, padded_width(k + 1, weight.device)), k + 1)
        sums = distributed.all_reduce(sums) / self.design.total
        return sums[:, :k], sums[:, k:]

    def _class_sums(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """`moments` from class numbers (n,): the rows of each added up."""
        sums = self._sums(self.targets.shape[1]).T.contiguous()
        rows = max(256, room.BLOCK_BYTES // (8 * self.design.shape[1]))
        for span, Z in self._blocks():
            for start in range(span.start, span.stop, rows):
                some = slice(start, min(start + rows, span.stop))
                written = Z.rows(slice(some.start - span.start, some.stop - span.start)).dense()
                sums.index_add_(0, labels[some], written.double() * self.weight[some, None])
        sums = distributed.all_reduce(sums) / self.design.total
        return sums.T.contiguous(), sums.sum(0)[:, None]

    def dual(self, logits: Deferred, b: Tensor, tau: float, mix: float, share: Tensor) -> Tensor:
        total, used = self.weight.new_zeros(()), _Used.of(logits.W, self.design)
        for span, Z in self._blocks_of(used):
            fit = self._some(self._logits(used, Z, span), b, span)
            total += self._dual_sum(fit, tau, mix, share, span)
        return total

    def _walk(self, W: Tensor, b: Tensor, gradient: bool) -> tuple[Tensor, Tensor]:
        """`Fit.packed` summed over the rows at Z·W + b and, if asked for, Zᵀ·diag(w)·θ (p, k)."""
        k, used = self.targets.shape[1], _Used.of(W, self.design, whole=gradient)
        packed, sums, fit = self.weight.new_zeros(()), self._sums(k if gradient else 0), None
        fused = isinstance(self.loss, Multinomial) and self.offset is None and (gradient or used.any)
        for span, Z in self._blocks_of(used, whole=gradient, at_once=fused):
            if fused and Z.fuses(k):
                fit, slope = self._fused(Z, used, b, span, gradient)
            else:
                fit, slope = self._apart(Z, used, b, span, gradient)
            packed = packed + fit.packed()
            if slope is not None:
                sums += slope
        if fit is not None and fit.theta is None:  # all blocks of a pass are of one kind
            packed[1 : 1 + k] += self.target_sum
        return packed, sums

    def _apart(self, Z: Block, used: _Used, b: Tensor, span: slice, gradient: bool) -> tuple[Fit, Tensor | None]:
        """The fit of some rows and their gradient, by passes over arrays of this block."""
        fit = self._some(self._logits(used, Z, span), b, span)
        if not gradient:
            return fit, None
        return fit, self._against_some(Z, fit, span)

    def _fused(self, Z: Block, used: _Used, b: Tensor, span: slice, gradient: bool) -> tuple[Fit, Tensor | None]:
        """The fit of some rows less their targets' sum in ``theta_mean``, without residuals, and their gradient."""
        targets, weight = numbers_or_rows(self._given(span)), self.design.weight[span]
        passed, slope = Z.fused(used.weights, used.picked, b, targets, weight, gradient)
        return Fit(passed.loss, -passed.probability, passed.curvature, None), slope

    def _blocks_of(self, used: _Used, whole: bool = False, at_once: bool = False) -> Iterator[tuple[slice, Block]]:
        """(row range, block of what has the features in use), all rows ``at_once`` where that may be; where there are
        none, nothing is read unless ``whole``."""
        if whole or used.any:
            # Soft targets would be padded for all rows at once.
            every = used.design.all_rows() if at_once and isinstance(self.targets, Labels) else None
            if every is not None and every.fuses(self.targets.shape[1]):
                used.design.reads += 1
                yield slice(0, len(every)), every
            else:
                yield from self._blocks(used.design)
            return
        n, empty = self.design.shape[0], Block(used.weights.new_empty(0))
        for start in range(0, n, self._rows):
            yield slice(start, min(start + self._rows, n)), empty

    def _logits(self, used: _Used, Z: Block, span: slice) -> Tensor:
        """(m, width) offset + Z·W for a block with all features or with those in use."""
        if used.any:
            logits = (Z if used.picked is None else Z.columns(used.picked)).times(used.weights)
        else:
            logits = used.weights.new_zeros(span.stop - span.start, self.width)
        return logits if self.offset is None else logits.add_(self.pad(self.offset[span]))

    def _blocks(self, design: Design | None = None) -> Iterator[tuple[slice, Block]]:
        for span, Z in (design or self.design).blocks():
            for start in range(0, len(Z), self._rows):
                part = Z.rows(slice(start, start + self._rows))
                yield slice(span.start + start, span.start + start + len(part)), part
