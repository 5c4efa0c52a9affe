"""The standardised design Z as the solvers see it: products, Gram matrices and shapes, wherever its rows are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import BLOCK_ROWS
from clearhead.glm.block import Block
from clearhead.glm.kernels.threads import all_threads

__all__ = ["Design"]

PICKING = 2  # features multiplied for ten outputs in the time that one is picked out


class Design(ABC):
    """Z (n, p), standardised: this rank's rows, under row weights w of mean 1 over the ``total`` rows of all ranks.

    ``times(W)`` is Z·W; ``against(T)`` is Zᵀ·diag(w)·T / total, summed over ranks. Arrays with a row for each row of Z
    have ``padded_width`` columns, of which the last ones are zero. ``reads`` counts passes over all of Z.
    """

    costly: ClassVar[bool] = False  # whether a pass over the rows is worth many passes over a few kept columns
    at_hand: ClassVar[bool] = False  # whether `rows` needs no pass, nor the consent of others

    def __init__(self, weight: Tensor, total: float) -> None:
        self.weight, self.total = weight, total
        self.uniform = bool((weight == 1).all())
        self.reads = 0.0

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(this rank's n, p)."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """The type of the arithmetic."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where weights, logits and residuals live."""

    @property
    def work(self) -> float:
        """Multiply-adds of one product with Z for one output, on the average rank: the same number on every rank."""
        return self.total / distributed.world_size() * self.shape[1]

    @abstractmethod
    def times(self, W: Tensor) -> Tensor:
        """(n, width) = Z·W, padded with zeros."""

    @abstractmethod
    def against(self, T: Tensor, outputs: int) -> Tensor:
        """(p, outputs) float64 = Σᵢ wᵢ zᵢ tᵢᵀ / total for padded T."""

    @abstractmethod
    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        """Σᵢ wᵢ z_il z_irᵀ / total for two lists of features."""

    @abstractmethod
    def rows(self, index: Tensor) -> Tensor:
        """The rows of Z with these numbers, (m, p)."""

    @abstractmethod
    def row_norms(self) -> Tensor:
        """(n,) squared norms of the rows of Z."""

    @abstractmethod
    def mean_squares(self) -> Tensor:
        """(p,) float64 weighted means of the squared features of Z."""

    @abstractmethod
    def reweighted(self, weight: Tensor) -> Design:
        """The same rows under other weights (n,) of mean 1; Z is shared."""

    @abstractmethod
    def narrowed(self, features: Tensor) -> Design:
        """The same rows with these features alone, in the fastest form that fits the memory allowed."""

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        """(row range, block of Z) in order: one pass."""
        self.reads += 1
        for start in range(0, self.shape[0], BLOCK_ROWS):
            span = slice(start, min(start + BLOCK_ROWS, self.shape[0]))
            yield span, Block(self.rows(torch.arange(span.start, span.stop, device=self.device)))

    def all_rows(self) -> Block | None:
        """One block of all rows, where they are in memory; for what writes nothing out. The caller counts the pass."""
        return None

    def holding(self, features: Tensor) -> tuple[Design, Tensor | None]:
        """The form whose `blocks` cost least and have these features, and their numbers in it; None for all of it,
        where to pick them out takes longer than to multiply what has no weight."""
        return self, features if PICKING * len(features) < self.shape[1] else None

    def thinned(self) -> Design:
        """Some of the rows, as many as a Gram matrix needs that is only a model of the loss's curvature."""
        return self

    def remember(self, T: Tensor, answer: Tensor) -> None:
        """Learn that ``against(T)`` is ``answer``; a form whose passes are costly keeps it."""
        return

    def capacity(self, outputs: int = 0) -> int:
        """How many features `narrowed` keeps in memory beside a solve for so many outputs; the same on every rank."""
        return self.shape[1]

    def _gram_of(self, blocks: Iterator[tuple[slice, Block]], left: Tensor, right: Tensor) -> Tensor:
        """`gram` from blocks of all rows, each written out."""
        sums = torch.zeros(len(left), len(right), dtype=torch.float64, device=self.device)
        for span, block in blocks:
            A = block.columns(left).dense()
            B = A if right is left else block.columns(right).dense()
            with all_threads():
                sums += (A if self.uniform else A * self.weight[span, None]).T @ B
        return (distributed.all_reduce(sums) / self.total).to(self.dtype)

    def _weighted(self, T: Tensor) -> Tensor:
        return T if self.uniform else T * self.weight[:, None].to(T)
