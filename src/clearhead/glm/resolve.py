"""The chosen head solved again, closer than the path needs, and the zeros of its weights that are proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from clearhead.core.rows import as_rows, numbers, widened
from clearhead.glm.certificate import Point, certify
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.screening import Screened
from clearhead.glm.solution import Solution
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.prox_newton import ProxNewton

__all__ = ["EXACT", "resolve", "safe_zeros"]

EXACT = 2**27  # numbers of X up to which it is solved in float64 (1 GiB)
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
    device: Any = None,
    options: SolveOptions | None = None,
) -> Solution:
    """Solve again at ``solution.lambda_`` from ``solution``, to a gap of ``tol`` of the null loss, and to the last
    digit where `SolveOptions.polish` applies.

    X, y, loss, penalty and the rest are those of the path; rows that do not fit in ``options.memory`` are streamed, as
    there. X of up to `EXACT` numbers (nonzeros, of sparse rows) is solved in float64; a larger one in its own
    precision, where `Status.PrecisionLimit` and the gap say what was reached.
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
    data = widened(rows) if numbers(rows) <= EXACT else rows
    problem = Problem.build(
        data, y, loss, sample_weight=sample_weight, standardize=standardize, device=device, options=options
    )
    limits, start = Limits.of(tol, replace(options, polish=True)), (solution.coef, solution.intercept)
    costly = problem.design.costly
    solver: Solver = Screened(problem, penalty, 0, limits) if costly else ProxNewton(problem, penalty, 0)
    again = solve(problem, penalty, solution.lambda_, solver, limits, start)
    coef = again.coef.to(problem.device)
    point = certify(problem, penalty, again.lambda_, coef, problem.logits(coef), again.intercept)
    if solver.reached is not None and solver.reached.dual > point.dual:  # a mixture, or searched for
        point = replace(point, dual=solver.reached.dual, dual_slope=solver.reached.dual_slope)
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
    radius = (2 * bound * max(gap, 0.0)) ** 0.5 * problem.design.mean_squares().sqrt()[:, None]
    level = lambda_ * penalty.l1_ratio * penalty.weights(len(V), V)
    proven: Tensor = (penalty.size(V) + radius) * (1 + ROUNDING) < level
    return proven.expand(point.coef.shape)
