"""What has a row for each row of the data and a column for each output: logits, residuals, targets; held or made anew.

`Whole` keeps them in memory, the fastest where they fit; `blockwise.Blockwise` holds none of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm import room
from clearhead.glm.block import Block
from clearhead.glm.design import Design
from clearhead.glm.fit import Fit, evaluate
from clearhead.glm.lazy import cached_property
from clearhead.glm.losses import Loss
from clearhead.glm.products import padded, padded_width
from clearhead.glm.targets import Labels

__all__ = ["Held", "Logits", "RowArrays", "Whole"]

ENTRIES = 1 << 20  # whose dual values are computed at once, in float64

Logits = Any  # a padded (n, width) tensor, or what `remade` and `blockwise` have in its place


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
        return padded(values.to(self.design.dtype), self.width).contiguous()

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
    def fit(self, logits: Logits, b: Tensor) -> Fit:
        """Sums at logits + b, and the residual θ in this form."""

    def residual(self, logits: Logits, b: Tensor) -> Any:
        """The residual at logits + b where its form takes no pass over the rows, else None."""
        return None

    @abstractmethod
    def adopted(self, logits: Logits, W: Tensor) -> Logits:
        """Those at ``W`` (p, k) in this form, given them in that of other arrays of the same rows."""

    def release(self, logits: Logits) -> None:  # noqa: B027 -- most forms hold nothing that is worth it
        """The logits will hardly be asked for again; should they be, they may be made anew."""

    @abstractmethod
    def against(self, theta: Any) -> Tensor:
        """(p, k) Zᵀ·diag(w)·θ / total over all ranks, for a residual of `fit`."""

    @abstractmethod
    def written_residual(self, theta: Any) -> Tensor | None:
        """(n, width) of a residual of `fit`, where rows × outputs are held."""

    @abstractmethod
    def moments(self) -> tuple[Tensor, Tensor]:
        """(p, k) Zᵀ·diag(w)·Y / total and (p, 1) Zᵀ·w / total over all ranks."""

    @abstractmethod
    def dual(self, logits: Logits, b: Tensor, tau: float, mix: float, share: Tensor) -> Tensor:
        """Σᵢ wᵢ of the smooth dual value at τ((1−mix)·θ + mix·(y − share)) for the residual θ at ``logits`` + b."""

    def _some(self, logits: Tensor, b: Tensor, span: slice, into: Tensor | None = None) -> Fit:
        """The fit of some rows at their padded ``logits`` + b; `evaluate` says what is written ``into``."""
        Y = self._given(span)
        return evaluate(self.loss, logits, b, Y, self.design.weight[span], self._target_sums(Y, span), into)

    def _against_some(self, Z: Block, fit: Fit, span: slice) -> Tensor:
        """(p, k) Zᵀ·diag(w)·θ of some rows."""
        theta = fit.theta if self.design.uniform else fit.theta * self.design.weight[span, None]
        return Z.against(theta, self.targets.shape[1])

    @property
    def _rows(self) -> int:
        """Rows of a block whose arrays are made anew."""
        return min(room.BLOCK_ROWS, max(64, room.BLOCK_BYTES // (self.width * self.design.dtype.itemsize)))

    def _sums(self, columns: int) -> Tensor:
        return torch.zeros(self.design.shape[1], columns, dtype=torch.float64, device=self.design.device)

    def _target_sums(self, Y: Tensor | Labels, span: slice) -> Tensor:
        """(k,) Σ wᵢ yᵢ over some rows with targets ``Y``."""
        weight = self.weight[span]
        return Y.weighted(weight) if isinstance(Y, Labels) else weight @ Y[:, : self.targets.shape[1]].double()

    def _given(self, span: slice) -> Tensor | Labels:
        """Padded targets or class numbers of some rows."""
        return self.targets.rows(span) if isinstance(self.targets, Labels) else self.pad(self.targets[span])

    def written(self, span: slice) -> Tensor:
        """(m, width) padded targets of some rows."""
        given = self._given(span)
        return given.block(slice(None), self.width, self.design.dtype) if isinstance(given, Labels) else given

    def _dual_sum(self, fit: Fit, tau: float, mix: float, share: Tensor, span: slice) -> Tensor:
        """`dual` of some rows whose fit this is."""
        k = len(share)
        Y = self.written(span)[:, :k].double()
        theta = tau * (mix * (Y - share) + (1 - mix) * fit.theta[:, :k].double())
        rows = self.loss.dual_rows(theta, Y)
        if self.offset is not None:
            rows = rows - (theta * self.offset[span]).sum(1)
        return self.weight[span] @ rows


class Held(RowArrays):
    """Targets in memory, and logits at least as long as they are asked for."""

    held: ClassVar[bool] = True

    @cached_property
    def padded_targets(self) -> Tensor:
        """(n, width) targets in compute precision."""
        return self.written(slice(None)) if isinstance(self.targets, Labels) else self.pad(self.targets)

    def _given(self, span: slice) -> Tensor | Labels:
        return self.targets.rows(span) if isinstance(self.targets, Labels) else self.padded_targets[span]

    def moments(self) -> tuple[Tensor, Tensor]:
        ones = torch.ones(len(self.targets), 1, dtype=self.design.dtype, device=self.design.device)
        return self.design.against(self.written(slice(None)), self.targets.shape[1]), self.design.against(ones, 1)

    def _times(self, W: Tensor) -> Tensor:
        """(n, width) offset + Z·W."""
        Z = self.design.times(W)
        return Z if self.offset is None else Z.add_(self.pad(self.offset))

    @abstractmethod
    def _values(self, logits: Logits) -> Tensor:
        """(n, width) of logits in this form."""

    def dual(self, logits: Logits, b: Tensor, tau: float, mix: float, share: Tensor) -> Tensor:
        total, values = self.weight.new_zeros(()), self._values(logits)
        rows = max(64, ENTRIES // self.width)
        for start in range(0, len(values), rows):
            span = slice(start, start + rows)
            total += self._dual_sum(self._some(values[span], b, span), tau, mix, share, span)
        return total


class Whole(Held):
    """Every array in memory, as padded tensors."""

    def logits(self, W: Tensor) -> Tensor:
        return self._times(W)

    def adopted(self, logits: Tensor, W: Tensor) -> Tensor:
        return logits

    def fit(self, logits: Tensor, b: Tensor) -> Fit:
        return evaluate(self.loss, logits, b, self._given(slice(None)), self.design.weight, self.target_sum)

    def against(self, theta: Tensor) -> Tensor:
        return self.design.against(theta, self.targets.shape[1])

    def written_residual(self, theta: Tensor) -> Tensor:
        return theta

    def row_diagonal(self, logits: Tensor, b: Tensor, span: slice) -> Tensor:
        """(m, k) ∂²ℓ/∂z_c² of some rows at logits + b."""
        Y, Z = self.written(span)[:, : len(b)], logits[span, : len(b)] + b.to(logits)
        return self.loss.row_diagonal(self.loss.residual(Z, Y), Y)

    def fixed_sums(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`against` of a residual and the `moments`, in one pass."""
        k, device = self.targets.shape[1], self.design.device
        count = 2 * k + 1
        sums = self._sums(count)
        for span, Z in self.design.blocks():
            weight = self.design.weight[span, None]
            T = torch.cat([theta[span, :k], self.written(span)[:, :k], torch.ones_like(weight)], 1) * weight
            sums += Z.against(padded(T, padded_width(count, device)), count)
        sums = distributed.all_reduce(sums) / self.design.total
        return sums[:, :k], sums[:, k : 2 * k], sums[:, 2 * k :]

    def _values(self, logits: Tensor) -> Tensor:
        return logits
