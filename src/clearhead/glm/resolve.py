"""The chosen head solved again, closer than the path needs, and the zeros of its weights that are proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import Rows, as_rows
from clearhead.glm.certificate import Point, certify
from clearhead.glm.design import Design
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.solution import Solution
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers.prox_newton import ProxNewton

__all__ = ["EXACT", "resolve", "safe_zeros"]

EXACT = 2**27  # numbers of X up to which it is solved in float64 (1 GiB)
CHUNK = 4096
ROUNDING = 1e-9  # relative: the test must not be won by the last digits


def resolve(
    X: Any,
    y: Any,
    solution: Solution,
    *,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    tol: float = 1e-8,
    sample_weight: Any = None,
    standardize: bool = True,
    options: SolveOptions | None = None,
) -> Solution:
    """Solve again at ``solution.lambda_`` from ``solution``, to a gap of ``tol`` of the null loss.

    X, y, loss, penalty and the rest are those of the path. X of up to `EXACT` numbers is solved in float64; a larger
    one in its own precision, where `Status.PrecisionLimit` and the gap say what was reached.
    ``info["certified_zeros"]`` counts the zero weights that `safe_zeros` proves to be zero in every optimum.

    >>> import torch
    >>> from clearhead.glm import fit
    >>> X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]])
    >>> y = torch.tensor([0, 1, 0, 1])
    >>> again = resolve(X, y, fit(X, y, lambda_=0.3))
    >>> again.gap <= 1e-8, int(again.info["certified_zeros"])
    (True, 2)
    """
    rows, options = as_rows(X), options or SolveOptions()
    loss = loss if loss is not None else Multinomial()
    penalty = penalty if penalty is not None else ElasticNet()
    data = _widened(rows) if rows.shape[0] * rows.shape[1] <= EXACT else rows
    problem = Problem.build(data, y, loss, sample_weight=sample_weight, standardize=standardize, options=options)
    start = (solution.coef, solution.intercept)
    solver = ProxNewton(problem, penalty, 0)
    again = solve(problem, penalty, solution.lambda_, solver, Limits.of(tol, options), start)
    coef = again.coef.to(problem.device)
    point = certify(problem, penalty, again.lambda_, coef, problem.logits(coef), again.intercept)
    proven = safe_zeros(problem, penalty, again.lambda_, point) & (coef == 0)
    return replace(again, info={**again.info, "certified_zeros": float(proven.sum())})


def safe_zeros(problem: Problem, penalty: Penalty, lambda_: float, point: Point) -> Tensor:
    """(p, k) whether a weight is zero in every optimum, proven by the gap of ``point`` (gap-safe test).

    The dual is strongly concave: Σᵢ wᵢ (θᵢ − θ̂ᵢ)²/n ≤ 2LG for a gap G and a loss whose curvature is at most L, so the
    optimum's |V̂| differs from |V| by at most the feature's root mean square times √(2LG); a weight whose |V| stays
    below λα after that is zero (Ndiaye et al. 2017, for one output at a time where weights are dropped one by one).
    """
    gap = point.objective - point.dual
    V = point.dual_slope.clamp(min=0) if penalty.nonnegative else point.dual_slope
    bound = problem.loss.curvature_bound() if penalty.grouped else problem.loss.entry_bound()
    radius = (2 * bound * max(gap, 0.0)) ** 0.5 * _root_mean_squares(problem.design)
    level = lambda_ * penalty.l1_ratio * penalty.weights(len(V), V)
    proven: Tensor = (penalty.size(V) + radius) * (1 + ROUNDING) < level
    return proven.expand(point.coef.shape)


def _widened(rows: Rows) -> Tensor:
    """(n, p) in float64, on the device of the rows."""
    blocks = [block.double() for _, block in rows.blocks()]
    return torch.cat(blocks)


def _root_mean_squares(design: Design) -> Tensor:
    """(p, 1) of the columns of Z under the row weights."""
    n, p = design.shape
    total = torch.zeros(p, dtype=torch.float64, device=design.device)
    for start in range(0, n, CHUNK):
        index = torch.arange(start, min(start + CHUNK, n), device=design.device)
        total += design.weight[index].double() @ design.rows(index).double().square()
    mean: Tensor = distributed.all_reduce(total) / design.total
    return mean.sqrt()[:, None]
