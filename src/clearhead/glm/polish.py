"""The last digits of a solution: Newton steps on the weights in use, until optimality holds to rounding."""

from __future__ import annotations

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.certificate import Point, certify
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Whole

__all__ = ["polish"]

MULTIPLY_ADDS = 2e9  # of one Hessian of the weights in use, beyond which a solution is left as it is
STEPS = 20
FLAT = 1e-13  # eigenvalues below this share of the largest are directions in which the loss does not change


def polish(problem: Problem, penalty: Penalty, lambda_: float, point: Point) -> Point:
    """``point`` with a KKT residual at the rounding's level, where that can be had: penalties on entries, rows in
    memory, and few weights in use; else as it is.

    A gap of ε leaves weights uncertain by some √ε, so a fit depends on which of the points within its tolerance it
    stopped at. Newton's method on the signs found (semismooth, as in Hintermüller, Ito and Kunisch 2002) ends at the
    optimum itself.
    """
    best = point
    for _ in range(STEPS if _applies(problem, penalty, lambda_) else 0):
        wanted = (best.coef != 0) | (penalty.violation(best.coef.double(), best.slope, lambda_) > 0)
        if not _affordable(problem, int(wanted.sum())):
            break
        coef, intercept = _newton(problem, penalty, lambda_, best, wanted)
        following = certify(problem, penalty, lambda_, coef, problem.logits(coef), intercept)
        if not (following.finite and following.kkt < best.kkt):
            break
        best = following
    return best


def _applies(problem: Problem, penalty: Penalty, lambda_: float) -> bool:
    held = isinstance(problem.arrays, Whole) and not problem.design.costly
    return held and not penalty.grouped and problem.n_outputs <= FULL_CURVATURE and lambda_ > 0


def _affordable(problem: Problem, used: int) -> bool:
    return max(problem.design.total, used) * used**2 <= MULTIPLY_ADDS


def _newton(problem: Problem, penalty: Penalty, lambda_: float, point: Point, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and intercept after a step on the ``wanted`` (p, k) weights, with zeros for those that change sign."""
    features, outputs = wanted.nonzero(as_tuple=True)
    W = point.coef.double()[features, outputs]
    slope = point.slope[features, outputs]
    signs = torch.where(W == 0, slope, W).sign()
    level = lambda_ * penalty.weights(len(wanted), slope)[features, 0]
    ridge = level * (1 - penalty.l1_ratio)
    pull = torch.cat([slope - level * penalty.l1_ratio * signs - ridge * W, point.fit.theta_mean])
    H = _hessian(problem, point, features, outputs)
    H.diagonal()[: len(W)] += ridge
    step = _solved(H, pull)
    target = W + step[: len(W)]
    coef = torch.zeros_like(point.coef)
    coef[features, outputs] = torch.where(target * signs > 0, target, torch.zeros_like(target)).to(coef)
    return coef, point.intercept + step[len(W) :] if problem.intercept else point.intercept


def _hessian(problem: Problem, point: Point, features: Tensor, outputs: Tensor) -> Tensor:
    """(a + k, a + k) float64: ∂²loss over the weights (features, outputs) (a,), then over the intercept (k,)."""
    k, device = problem.n_outputs, features.device
    arrays = problem.arrays
    assert isinstance(arrays, Whole)
    used, place = torch.unique(features, return_inverse=True)
    Z = problem.design.narrowed(used).rows(torch.arange(len(problem.targets), device=device)).double()
    columns = torch.cat([Z, torch.ones(len(Z), 1, dtype=Z.dtype, device=device)], 1)
    places = torch.cat([place, torch.full((k,), len(used), device=device)])
    classes = torch.cat([outputs, torch.arange(k, device=device)])
    Y = arrays.padded_targets[:, :k].double()
    theta = problem.loss.residual(point.logits[:, :k].double() + point.intercept, Y)
    H = torch.zeros(len(places), len(places), dtype=torch.float64, device=device)
    for c in range(k):
        mine = (classes == c).nonzero()[:, 0]
        for d in range(c + 1):
            others = (classes == d).nonzero()[:, 0]
            curvature = problem.weight * problem.loss.pair_curvature(theta, Y, c, d)
            block = (columns[:, places[mine]] * curvature[:, None]).T @ columns[:, places[others]]
            H[mine[:, None], others], H[others[:, None], mine] = block, block.T
    return distributed.all_reduce(H) / problem.design.total


def _solved(H: Tensor, pull: Tensor) -> Tensor:
    """The shortest solution of H·step = pull: equal shifts of all classes, and features that say the same, change
    nothing."""
    values, vectors = torch.linalg.eigh(H)
    inverse = torch.where(values > FLAT * values[-1], 1 / values, torch.zeros_like(values))
    return distributed.agreed(vectors @ (inverse * (vectors.T @ pull)))
