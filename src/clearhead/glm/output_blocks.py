"""The rows that carry most of a loss's curvature, and the inverse of their Hessian within each output."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.kernels.threads import all_threads, over_rows
from clearhead.glm.problem import Problem

__all__ = ["MARGIN", "Draft", "OutputBlocks", "probabilities"]

SHARE = 0.5  # of the curvature that the rows carry at least
ROWS = 10  # rows for each feature of the largest block, where there are so many
OWN = 0.95  # of an output's curvature that the rows of its block carry
FLOOR = 1e-3  # of a block's mean diagonal that is added to it
LEAST = 1e-6  # of the largest diagonal entry, below which none is taken to be: outputs may have no curvature
MARGIN = 0.7  # features whose slope reaches this share of the threshold are in a block: they last for some λ's
PIECES = 4  # of the columns of a block, of which half of the pairs are multiplied


@dataclass(frozen=True, eq=False)
class OutputBlocks:
    """``rows`` (m,) of the problem and their standardised features ``Z`` (m, p); for each output its ``features``
    (a,) and the ``inverses`` (a, a) of Σᵢ wᵢ ∂²ℓ/∂z_c² zᵢzᵢᵀ/n over them, centred if there is an intercept;
    ``inside`` (k, p) says which weights are in a block, ``diagonal`` (k, p) is the Hessian's, roughly."""

    rows: Tensor
    Z: Tensor
    features: list[Tensor]
    inverses: list[Tensor]
    inside: Tensor
    diagonal: Tensor

    def solve(self, values: Tensor) -> Tensor:
        """(k, p) the blocks' inverses times ``values`` (k, p); what is in no block is divided by the diagonal."""
        found = torch.where(self.inside, 0.0, values / self.diagonal)

        def work(_part: int, start: int, stop: int) -> None:
            for c in range(start, stop):
                found[c, self.features[c]] = self.inverses[c] @ values[c, self.features[c]]

        over_rows(len(found), work, multiple=1, least=1)
        return found


@dataclass(frozen=True, eq=False)
class Draft:
    """Which rows and features the blocks would have, known before the work is done.

    ``curvature`` (k, n) float64 is wᵢ ∂²ℓ/∂z_c² of all rows; ``rows`` (m,) are those of the blocks, ``own`` for each
    output places among them.
    """

    problem: Problem
    curvature: Tensor
    inside: Tensor
    rows: Tensor
    own: list[Tensor]

    @classmethod
    def of(cls, problem: Problem, inside: Tensor, q: Tensor) -> Draft:
        """For weights ``inside`` (k, p) at probabilities ``q`` (n, k)."""
        curvature = (problem.loss.row_diagonal(-q, torch.zeros_like(q)) * problem.weight[:, None]).T.contiguous()
        rows = _heaviest(curvature.sum(0), SHARE, ROWS * int(inside.sum(1).max()))
        own = [_heaviest(values, OWN) for values in curvature[:, rows]]
        return cls(problem, curvature, inside, rows, own)

    @property
    def work(self) -> float:
        """Multiply-adds, of which an inverse takes the cube of its size."""
        sizes = self.inside.sum(1).tolist()
        return float(sum(a * a * (len(rows) + a) for a, rows in zip(sizes, self.own, strict=True)))

    @property
    def bytes(self) -> int:
        numbers = len(self.rows) * self.problem.n_features + int(self.inside.sum(1).square().sum())
        widest = max(int(self.inside[c].sum()) * len(rows) for c, rows in enumerate(self.own))
        return (numbers + 2 * widest) * self.problem.dtype.itemsize

    def built(self) -> OutputBlocks:
        problem, total = self.problem, self.problem.design.total
        Z, features, inverses = problem.design.rows(self.rows), [], []
        problem.design.reads += len(self.rows) / problem.design.shape[0]
        with all_threads():
            diagonal = (self.curvature.sum(1) / total).to(Z.dtype)[:, None] * Z.square().mean(0)
            least = LEAST * float(diagonal.max())
            for inside, values, own in zip(self.inside, self.curvature[:, self.rows], self.own, strict=True):
                block = inside.nonzero()[:, 0]
                weight = values[own] * (values.sum() / values[own].sum().clamp(min=1e-300)) / total
                features.append(block)
                part = Z.index_select(0, own).index_select(1, block)
                inverses.append(_inverse(part, weight.to(Z.dtype), problem.intercept, least))
        return OutputBlocks(self.rows, Z, features, inverses, self.inside, diagonal.clamp(min=least))


def probabilities(problem: Problem, logits: Tensor, b: Tensor) -> Tensor:
    """(m, k) float64 of padded logits (m, width) + b; of a loss whose residual is y less them."""
    Z = logits[:, : len(b)].double() + b
    return -problem.loss.residual(Z, torch.zeros_like(Z))


def _heaviest(values: Tensor, share: float, least: int = 0) -> Tensor:
    """Where the largest values are that carry this share of their sum, in order; ``least`` of them, if so many are
    positive."""
    order = values.argsort(descending=True, stable=True)
    enough = int((values[order].cumsum(0) < share * values.sum()).sum()) + 1
    return order[: min(max(enough, least), int((values > 0).sum()))].sort().values


def _inverse(Z: Tensor, weight: Tensor, centred: bool, least: float) -> Tensor:
    """Of Σᵢ wᵢ zᵢzᵢᵀ over the rows of Z (m, a), raised a little, at least by ``least``, so that it exists."""
    root, a = weight.sqrt(), Z.shape[1]
    Z = Z * root[:, None]
    B = torch.empty(a, a, dtype=Z.dtype)
    for left in torch.arange(a).tensor_split(PIECES):
        if len(left):  # the lower triangle, which is all that is read
            B[int(left[0]) :, left] = Z[:, int(left[0]) :].T @ Z[:, left]
    if centred:
        mean = root @ Z
        B -= torch.outer(mean, mean) / weight.sum().clamp(min=torch.finfo(Z.dtype).tiny)
    lift = (FLOOR * B.diagonal().mean()).clamp(min=least) if a else B.new_zeros(())
    for _ in range(8):
        B.diagonal().add_(lift)
        factor, failed = torch.linalg.cholesky_ex(B)
        if not int(failed):
            inverse: Tensor = torch.cholesky_inverse(factor)
            return inverse
        lift = 10 * lift
    return torch.diag(1 / B.diagonal())
