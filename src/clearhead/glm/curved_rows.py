"""Some rows of a design and the curvature of their losses: products with A = ZᵀHZ/n, and moved residuals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.certificate import Point
from clearhead.glm.output_blocks import OutputBlocks, probabilities
from clearhead.glm.problem import Problem
from clearhead.glm.products import padded, product, transposed_product

__all__ = ["CurvedRows"]

FLAT = 1e-9  # share of the largest eigenvalue below which all logits move as one


@dataclass(frozen=True, eq=False)
class CurvedRows:
    """The rows ``index`` (m,), whose features are ``Z`` (m, p), at some logits.

    Probabilities are ``exact`` (m, k) in float64 and ``q`` (m, width), padded, in compute precision; the curvature H is
    ``diagonal`` (m, width) less q·qᵀ where outputs are coupled; ``weight`` (m, 1); ``inverse`` (k, k) of the weighted
    sum of H, as far as there is one.
    """

    problem: Problem
    index: Tensor
    Z: Tensor
    exact: Tensor
    q: Tensor
    diagonal: Tensor
    weight: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, problem: Problem, point: Point, blocks: OutputBlocks) -> CurvedRows:
        q = probabilities(problem, point.logits[blocks.rows], point.intercept)
        diagonal = q if problem.loss.coupled else q * (1 - q)
        weight = problem.weight[blocks.rows, None]
        summed = torch.diag((diagonal * weight).sum(0))
        summed = summed - q.T @ (q * weight) if problem.loss.coupled else summed
        inverse = torch.linalg.pinv(summed, rtol=FLAT, hermitian=True)
        padded_q, padded_diagonal = (problem.arrays.pad(values) for values in (q, diagonal))
        return cls(problem, blocks.rows, blocks.Z, q, padded_q, padded_diagonal, weight.to(blocks.Z), inverse)

    def bent(self, U: Tensor) -> Tensor:
        """(k, p) = A·U, the intercept minimised over."""
        return self.against(self.moved(U)).to(U)

    def moved(self, U: Tensor, mean: Tensor | None = None) -> Tensor:
        """(m, width) H·(Z·U + b), with the b for which it takes the ``mean`` (k,) of all rows' residuals away; zero
        without one."""
        self._count_read()
        t, problem = product(self.Z, U.T), self.problem
        if not problem.intercept:
            return self._times(t)
        left = (self._times(t) * self.weight).sum(0, dtype=torch.float64)[: problem.n_outputs]
        b = -self.inverse @ (left if mean is None else left + mean * problem.design.total)
        return self._times(t + padded(b.to(t), t.shape[1]))

    def against(self, T: Tensor) -> Tensor:
        """(k, p) float64 Zᵀ·diag(w)·T / total for padded T (m, width)."""
        self._count_read()
        weighted = T if self.problem.design.uniform else T * self.weight
        return (transposed_product(self.Z, weighted, self.problem.n_outputs) / self.problem.design.total).T

    def apart(self, U: Tensor) -> Tensor:
        """U (k, p) without what all outputs share, where that changes nothing."""
        return U - U.mean(0) if self.problem.loss.shift_invariant else U

    def gain(self, delta: Tensor) -> tuple[float, Tensor]:
        """What the smooth dual value changes by where residuals move by ``delta`` (m, width), and their mean (k,)."""
        problem, delta = self.problem, delta[:, : self.problem.n_outputs].double()
        none, weight = torch.zeros_like(delta), self.problem.weight[self.index]
        rows = problem.loss.dual_rows(delta - self.exact, none) - problem.loss.dual_rows(-self.exact, none)
        if problem.offset is not None:
            rows = rows - (delta * problem.offset[self.index]).sum(1)
        return float(weight @ rows) / problem.design.total, weight @ delta / problem.design.total

    def _times(self, t: Tensor) -> Tensor:
        """(m, width) H·t."""
        h = self.diagonal * t
        return h.sub_(self.q * (self.q * t).sum(1, keepdim=True)) if self.problem.loss.coupled else h

    def _count_read(self) -> None:
        self.problem.design.reads += len(self.index) / self.problem.design.shape[0]
