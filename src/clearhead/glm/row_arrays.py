"""What has a row for each row of the data and a column for each output: logits, residuals, targets; held or made anew.

`Whole` keeps them in memory, the fastest where they fit. `Blockwise` keeps weights alone and makes logits, residuals
and dual values anew, a block of rows at a time: with 20,000 classes one such array is 80 kB a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm import room
from clearhead.glm.design import Design, padded_width
from clearhead.glm.designs.dense import product, transposed_product
from clearhead.glm.fit import Fit, evaluate
from clearhead.glm.lazy import cached_property
from clearhead.glm.losses import Loss
from clearhead.glm.targets import Labels

__all__ = ["Blockwise", "Deferred", "Logits", "RowArrays", "Whole"]

Logits = Any  # a padded (n, width) tensor, or `Deferred`


@dataclass(eq=False)
class RowArrays(ABC):
    """The arrays of one problem on this rank's rows. Sums are over this rank's rows, under its weights, in float64.

    ``targets`` (n, k) float64 or `Labels`, ``weight`` (n,) float64, ``offset`` (n, k) or None.
    """

    held: ClassVar[bool]
    design: Design
    targets: Tensor | Labels
    weight: Tensor
    offset: Tensor | None
    loss: Loss

    @property
    def width(self) -> int:
        """Columns of padded arrays."""
        return padded_width(self.targets.shape[1], self.design.device)

    def pad(self, values: Tensor) -> Tensor:
        """(m, k) to (m, width) in compute precision."""
        return pad(values.to(self.design.dtype), (0, self.width - values.shape[1])).contiguous()

    @cached_property
    def target_sum(self) -> Tensor:
        """(k,) Σᵢ wᵢ yᵢ."""
        return self.targets.weighted(self.weight) if isinstance(self.targets, Labels) else self.weight @ self.targets

    def take_targets(self, other: RowArrays) -> None:
        """Use what ``other``, of the same rows, has made of the targets."""
        kept = ("padded_targets", "target_sum")
        self.__dict__.update({name: value for name, value in other.__dict__.items() if name in kept})

    @abstractmethod
    def logits(self, W: Tensor) -> Logits:
        """offset + Z·W for W (p, k), without intercept."""

    @abstractmethod
    def direction(self, delta: Tensor) -> Logits:
        """Z·Δ, what to add to logits when the weights move by Δ."""

    @abstractmethod
    def fit(self, logits: Logits, b: Tensor) -> Fit:
        """Sums at logits + b, and the residual θ in this form."""

    @abstractmethod
    def against(self, theta: Any) -> Tensor:
        """(p, k) Zᵀ·diag(w)·θ / total over all ranks, for a residual of `fit`."""

    @abstractmethod
    def moments(self) -> tuple[Tensor, Tensor]:
        """(p, k) Zᵀ·diag(w)·Y / total and (p, 1) Zᵀ·w / total over all ranks."""

    @abstractmethod
    def dual(self, theta: Any, tau: float, mix: float, share: Tensor) -> Tensor:
        """Σᵢ wᵢ of the smooth dual value at τ((1−mix)·θ + mix·(y − share)); θ None counts as zero."""

    def _dual_sum(self, theta: Tensor, Y: Tensor, span: slice) -> Tensor:
        rows = self.loss.dual_rows(theta, Y)
        if self.offset is not None:
            rows = rows - (theta * self.offset[span]).sum(1)
        return self.weight[span] @ rows


class Whole(RowArrays):
    """Every array in memory."""

    held: ClassVar[bool] = True

    @cached_property
    def padded_targets(self) -> Tensor:
        """(n, width) targets in compute precision."""
        assert isinstance(self.targets, Tensor)
        return self.pad(self.targets)

    def logits(self, W: Tensor) -> Tensor:
        Z = self.design.times(W)
        return Z if self.offset is None else Z.add_(self.pad(self.offset))

    def direction(self, delta: Tensor) -> Tensor:
        return self.design.times(delta)

    def fit(self, logits: Tensor, b: Tensor) -> Fit:
        return evaluate(self.loss, logits, b, self.padded_targets, self.design.weight, self.target_sum)

    def against(self, theta: Tensor) -> Tensor:
        return self.design.against(theta, self.targets.shape[1])

    def moments(self) -> tuple[Tensor, Tensor]:
        ones = torch.ones(len(self.targets), 1, dtype=self.design.dtype, device=self.design.device)
        return self.against(self.padded_targets), self.design.against(ones, 1)

    def dual(self, theta: Tensor | None, tau: float, mix: float, share: Tensor) -> Tensor:
        assert isinstance(self.targets, Tensor)
        point = mix * (self.targets - share)
        if theta is not None:
            point += (1 - mix) * theta[:, : point.shape[1]].double()
        return self._dual_sum(tau * point, self.targets, slice(None))


@dataclass(frozen=True, eq=False)
class Deferred:
    """offset + Z·W by its weights W (p, k) alone; sums and multiples are those of the weights."""

    W: Tensor

    def __add__(self, other: Deferred) -> Deferred:
        return Deferred(self.W + other.W)

    def __rmul__(self, size: float) -> Deferred:
        return Deferred(size * self.W)


@dataclass(frozen=True, eq=False)
class _Residual:
    """θ at offset + Z·W + b, by W and b alone."""

    W: Tensor
    b: Tensor

    def same(self, W: Tensor, b: Tensor) -> bool:
        return (self.W is W or torch.equal(self.W, W)) and torch.equal(self.b, b)


@dataclass(eq=False)
class Blockwise(RowArrays):
    """No array of rows × outputs: each pass over Z makes what it needs of them, `BLOCK_BYTES` at a time.

    The last fit and the last product are remembered: a point is certified where a line search ended, and a λ begins
    where the one before ended.
    """

    held: ClassVar[bool] = False

    _fit: Fit | None = None
    _slope: tuple[_Residual, Tensor] | None = None

    def logits(self, W: Tensor) -> Deferred:
        return Deferred(W.to(self.design.device, self.design.dtype))

    def direction(self, delta: Tensor) -> Deferred:
        return self.logits(delta)

    def fit(self, logits: Deferred, b: Tensor) -> Fit:
        if self._fit is None or not distributed.all_agree(self._fit.theta.same(logits.W, b)):
            loss, sums = 0.0, [torch.zeros((), dtype=torch.float64)] * 2
            for _, _, fit in self._passes(logits.W, b):
                loss += fit.loss
                sums = [total + part for total, part in zip(sums, (fit.theta_mean, fit.curvature), strict=True)]
            self._fit = Fit(loss, sums[0], sums[1], _Residual(logits.W, b.clone()))
        return self._fit

    def against(self, theta: _Residual) -> Tensor:
        if self._slope is None or not distributed.all_agree(self._slope[0].same(theta.W, theta.b)):
            sums = self._sums(self.width)
            for span, Z, fit in self._passes(theta.W, theta.b, rows=True):
                sums += transposed_product(Z, fit.theta * self.weight[span, None].to(fit.theta))
            k = self.targets.shape[1]
            self._slope = theta, distributed.all_reduce(sums[:, :k].contiguous()) / self.design.total
        return self._slope[1].clone()

    def remember(self, theta: _Residual, slope: Tensor) -> None:
        """Learn that ``against(theta)`` is ``slope``."""
        self._slope = theta, slope

    def moments(self) -> tuple[Tensor, Tensor]:
        k = self.targets.shape[1]
        sums = self._sums(k + 1)
        for span, Z in self._blocks():
            weighted = Z * self.design.weight[span, None]
            sums[:, k] += weighted.sum(0, dtype=torch.float64)
            if isinstance(self.targets, Labels):
                sums.T.index_add_(0, self.targets.labels[span], weighted.double())
            else:
                sums[:, :k] += transposed_product(weighted, self._targets(span))[:, :k]
        sums = distributed.all_reduce(sums) / self.design.total
        return sums[:, :k], sums[:, k:]

    def dual(self, theta: _Residual | None, tau: float, mix: float, share: Tensor) -> Tensor:
        total, k = self.weight.new_zeros(()), self.targets.shape[1]
        made: Iterator[tuple[slice, Tensor | None]]
        if theta is None:
            made = ((span, None) for (span,) in self._spans())
        else:
            made = ((span, fit.theta[:, :k].double()) for span, _, fit in self._passes(theta.W, theta.b))
        for span, residual in made:
            Y = self._targets(span)[:, :k].double()
            point = mix * (Y - share)
            if residual is not None:
                point += (1 - mix) * residual
            total += self._dual_sum(tau * point, Y, span)
        return total

    def _passes(self, W: Tensor, b: Tensor, rows: bool = False) -> Iterator[tuple[slice, Tensor, Fit]]:
        """(row range, block of Z, fit of these rows). Features without weights are left out of the product, and of the
        block unless its ``rows`` are asked for whole; where there are no weights at all, nothing else is read."""
        used = (W != 0).any(1).nonzero().flatten()
        columns = used if 4 * len(used) < len(W) or self.design.costly else None
        V = W if columns is None else W[columns]
        blocks = self._blocks(None if rows else columns) if rows or len(used) else self._spans()
        for span, *block in blocks:
            Z = block[0] if block else W.new_empty(0)
            if len(used):
                logits = product(Z[:, columns] if rows and columns is not None else Z, V)
            else:
                logits = W.new_zeros(span.stop - span.start, self.width)
            if self.offset is not None:
                logits += self.pad(self.offset[span])
            Y, weight = self._targets(span), self.design.weight[span]
            sums = weight.double() @ Y[:, : W.shape[1]].double()
            yield span, Z, evaluate(self.loss, logits, b, Y, weight, sums)

    def _targets(self, span: slice) -> Tensor:
        """(m, width) padded targets of some rows."""
        if isinstance(self.targets, Labels):
            return self.targets.block(span, self.width, self.design.dtype)
        return self.pad(self.targets[span])

    def _sums(self, columns: int) -> Tensor:
        return torch.zeros(self.design.shape[1], columns, dtype=torch.float64, device=self.design.device)

    @property
    def _rows(self) -> int:
        return max(64, room.BLOCK_BYTES // (self.width * self.design.dtype.itemsize))

    def _spans(self) -> Iterator[tuple[slice]]:
        n = self.design.shape[0]
        for start in range(0, n, self._rows):
            yield (slice(start, min(start + self._rows, n)),)

    def _blocks(self, columns: Tensor | None = None) -> Iterator[tuple[slice, Tensor]]:
        for span, Z in self.design.blocks(columns):
            for start in range(0, len(Z), self._rows):
                part = Z[start : start + self._rows]
                yield slice(span.start + start, span.start + start + len(part)), part
