"""How steep each weight's loss is beside what G ⊗ S says, which knows features and outputs but not their pairs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm.certificate import Point
from clearhead.glm.problem import Problem
from clearhead.glm.products import padded, padded_width, transposed_product
from clearhead.glm.row_arrays import Whole
from clearhead.glm.solvers.model import model_width

__all__ = ["EntryScales"]

DRIFT = 0.3  # change of the mean curvature, relative to it, that is worth looking at the rows again
ROWS = 512  # squared at once: they stay in cache
POWER = 0.25  # half of what would give the model the Hessian's diagonal: the whole of it makes other entries too large
FARTHEST = 10.0  # scales are no larger than this, nor smaller than its inverse


class EntryScales:
    """Scales d (p, width) by which weights are multiplied before they meet the model, which so becomes
    diag(d)·(G ⊗ S)·diag(d): with d = (hⱼ꜀ / GⱼⱼS꜀꜀)^¼ its diagonal is the geometric mean of what it was and h, the
    diagonal of the loss's Hessian, each output's intercept minimised over. ``values`` is None for ones.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.values: Tensor | None = None
        self._curvature: Tensor | None = None  # (k,) the mean curvature of the outputs when the values were found

    def pair(self, step: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """A step of the weights (p, width) and the gradient's change, in scaled weights."""
        return (step, change) if self.values is None else (step * self.values, change / self.values)

    def of(self, features: Tensor) -> Tensor | None:
        """(a, width) of some features."""
        return None if self.values is None else self.values[features]

    def update(self, point: Point, squares: Tensor) -> Tensor | None:
        """Find the values at a point, if its curvature is far from where they were found; the ratio of the new ones to
        the old ones. ``squares`` (p,) are the mean squares of the features, the diagonal of G."""
        mean = point.fit.curvature.diagonal()
        if self._curvature is not None and not float((mean - self._curvature).abs().sum()) > DRIFT * float(mean.sum()):
            return None
        self._curvature, old = mean.clone(), self.values
        exact, bent = self._diagonal(point)
        modelled = squares.double()[:, None] * bent
        share = (exact / modelled).pow(POWER).clamp(1 / FARTHEST, FARTHEST)
        share = torch.where(modelled > 0, share, 1.0).nan_to_num(1.0)
        extra = model_width(share.shape[1], squares.device) - share.shape[1]
        values = pad(share.to(squares), (0, extra), value=1.0)
        self.values = values
        return values if old is None else values / old

    def _diagonal(self, point: Point) -> tuple[Tensor, Tensor]:
        """(p, k) float64 Σᵢ vᵢ꜀ (zᵢⱼ − z̄ⱼ꜀)² for the rows' curvatures v, weighted, with z̄ the mean under v if there is
        an intercept; and (k,) Σᵢ vᵢ꜀."""
        design, arrays, k = self.problem.design, self.problem.arrays, len(point.intercept)
        rows = design.all_rows()
        assert rows is not None
        assert isinstance(arrays, Whole)
        sums = torch.zeros(2, design.shape[1], k, dtype=torch.float64, device=design.device)
        whole = torch.zeros(k, dtype=torch.float64, device=design.device)
        for start in range(0, len(rows), ROWS):
            some = slice(start, start + ROWS)
            V = design.weight[some, None] * arrays.row_diagonal(point.logits, point.intercept, some)
            Z, V = rows.rows(some).dense(), padded(V, padded_width(k, design.device)).contiguous()
            sums[0] += transposed_product(Z.square(), V, k)
            sums[1] += transposed_product(Z, V, k)
            whole += V[:, :k].double().sum(0)
        design.reads += 1
        squares, products = distributed.all_reduce(sums)
        whole = distributed.all_reduce(whole)
        if self.problem.intercept:
            squares = squares - products.square() / whole.clamp(min=1e-300)
        return squares.clamp(min=0), whole
