"""What has a row for each row of the data and a column for each output: logits, residuals, targets; held or made anew.

`Whole` keeps them in memory, the fastest where they fit; `blockwise.Blockwise` holds none of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm.design import Design
from clearhead.glm.fit import Fit, evaluate, summed_curvature
from clearhead.glm.lazy import cached_property
from clearhead.glm.losses import Loss
from clearhead.glm.products import padded_width
from clearhead.glm.targets import Labels

__all__ = ["Logits", "RowArrays", "Whole"]

ROWS = 16_384  # whose dual values are computed at once, in float64

Logits = Any  # a padded (n, width) tensor, or `blockwise.Deferred`


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
    def curvature(self, theta: Any) -> Tensor:
        """(k, k) Σᵢ wᵢ ∂²ℓ/∂z² where a `fit` did not make it."""

    @abstractmethod
    def against(self, theta: Any) -> Tensor:
        """(p, k) Zᵀ·diag(w)·θ / total over all ranks, for a residual of `fit`."""

    @abstractmethod
    def moments(self) -> tuple[Tensor, Tensor]:
        """(p, k) Zᵀ·diag(w)·Y / total and (p, 1) Zᵀ·w / total over all ranks."""

    def _class_sums(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """`moments` from class numbers (n,): the rows of each class added up."""
        (p, k), device = (self.design.shape[1], self.targets.shape[1]), self.design.device
        sums = torch.zeros(k, p, dtype=torch.float64, device=device)
        for span, Z in self.design.blocks():
            weighted = Z.dense().double() * self.weight[span, None]
            sums.index_add_(0, labels[span], weighted)
        sums = distributed.all_reduce(sums) / self.design.total
        return sums.T.contiguous(), sums.sum(0)[:, None]

    @abstractmethod
    def dual(self, theta: Any, tau: float, mix: float, share: Tensor) -> Tensor:
        """Σᵢ wᵢ of the smooth dual value at τ((1−mix)·θ + mix·(y − share))."""

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
        if isinstance(self.targets, Labels):
            return self.targets.block(slice(None), self.width, self.design.dtype)
        return self.pad(self.targets)

    def logits(self, W: Tensor) -> Tensor:
        Z = self.design.times(W)
        return Z if self.offset is None else Z.add_(self.pad(self.offset))

    def direction(self, delta: Tensor) -> Tensor:
        return self.design.times(delta)

    def fit(self, logits: Tensor, b: Tensor) -> Fit:
        return evaluate(self.loss, logits, b, self._given, self.design.weight, self.target_sum)

    def curvature(self, theta: Tensor) -> Tensor:
        return summed_curvature(self.loss, theta, self._given, self.design.weight)

    @property
    def _given(self) -> Tensor | Labels:
        return self.targets if isinstance(self.targets, Labels) else self.padded_targets

    def against(self, theta: Tensor) -> Tensor:
        return self.design.against(theta, self.targets.shape[1])

    def moments(self) -> tuple[Tensor, Tensor]:
        if isinstance(self.targets, Labels):
            return self._class_sums(self.targets.labels)
        ones = torch.ones(len(self.targets), 1, dtype=self.design.dtype, device=self.design.device)
        return self.against(self.padded_targets), self.design.against(ones, 1)

    def dual(self, theta: Tensor, tau: float, mix: float, share: Tensor) -> Tensor:
        total = self.weight.new_zeros(())
        for start in range(0, len(theta), ROWS):
            span = slice(start, start + ROWS)
            Y = (
                self.targets.block(span, len(share), torch.float64)
                if isinstance(self.targets, Labels)
                else self.targets[span]
            )
            point = mix * (Y - share) + (1 - mix) * theta[span, : len(share)].double()
            total += self._dual_sum(tau * point, Y, span)
        return total
