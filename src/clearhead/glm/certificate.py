"""The certificate of a point: objective, KKT residual and a duality gap from a feasible dual point. Knows no solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem

__all__ = ["Point", "certify", "dual_bound"]

GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class Point:
    """Weights with everything that was computed to certify them.

    ``coef`` (p, k), ``intercept`` (k,) float64 and optimal for ``coef``, ``logits`` (n, k) without the intercept,
    ``theta`` (n, k) residual −∂ℓ/∂z, ``slope`` (p, k) = −∂loss/∂W in float64, ``objective`` F, ``loss`` its smooth
    part, ``dual`` a lower bound of the optimum, ``kkt`` the largest violation of optimality.
    """

    coef: Tensor
    intercept: Tensor
    logits: Tensor
    theta: Tensor
    slope: Tensor
    objective: float
    loss: float
    dual: float
    kkt: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.objective) and math.isfinite(self.kkt)


def certify(problem: Problem, penalty: Penalty, lambda_: float, coef: Tensor, logits: Tensor, start: Tensor) -> Point:
    """Certify ``coef`` with cached ``logits`` = offset + Z·coef: exact intercept, one product, the best dual bound.

    ``start`` (k,) is where the intercept's Newton iteration begins.
    """
    b = problem.solve_intercept(logits, start)
    Z = logits.double() + b
    loss = problem.mean_loss(Z)
    theta = problem.loss.residual(Z, problem.targets)
    slope = problem.design.against(theta.to(problem.dtype)).double()
    kkt = float(penalty.violation(coef.double(), slope, lambda_).max())
    if problem.intercept:
        kkt = max(kkt, float(problem.mean(theta).abs().max()))
    dual = dual_bound(problem, penalty, lambda_, theta, slope)
    return Point(coef, b, logits, theta, slope, loss + penalty.value(coef, lambda_), loss, dual, kkt)


def dual_bound(problem: Problem, penalty: Penalty, lambda_: float, theta: Tensor, slope: Tensor) -> float:
    """A lower bound of the optimum from the residual ``theta``: mixed to feasibility, then scaled by the best τ.

    The intercept demands mean(θ) = 0; centring would leave the loss's domain, so a constant row is mixed in. Then
    D(τθ) is concave in τ ∈ [0, 1], and its slope is linear in θ, so the search costs no product with X.
    """
    if lambda_ <= 0 or (penalty.factors is not None and 0 in penalty.factors):
        return -math.inf
    if problem.intercept:
        mix, share = problem.loss.balance(problem.mean(theta), problem.target_mean)
        theta = (1 - mix) * theta + mix * (problem.targets - share)
        slope = (1 - mix) * slope + mix * (problem.cross - problem.feature_mean * share)

    def value(tau: float) -> float:
        conjugate = penalty.conjugate(tau * slope, lambda_)
        if math.isinf(conjugate):
            return -math.inf
        scaled = tau * theta
        rows = problem.loss.dual_rows(scaled, problem.targets)
        if problem.offset is not None:
            rows = rows - (scaled * problem.offset).sum(1)
        return float(problem.mean(rows)) - conjugate

    return _maximise(value, _free_scale(penalty, slope, lambda_), bounded=penalty.l1_ratio < 1)


def _free_scale(penalty: Penalty, slope: Tensor, lambda_: float) -> float:
    """The largest τ ≤ 1 at which τ·slope is inside the ball of the ℓ1 part, where the conjugate is zero."""
    excess, factors = penalty.excess(slope, lambda_)
    level = lambda_ * penalty.l1_ratio * factors
    outside = excess > 0
    if not bool(outside.any()):
        return 1.0
    return float(torch.where(outside, level / (level + excess).clamp(min=1e-300), torch.ones_like(excess)).min())


def _maximise(value: Callable[[float], float], inside: float, bounded: bool) -> float:
    """The largest value of a concave function on [inside, 1] by golden section (at ``inside`` if it is −inf beyond)."""
    # At the edge of the ball rounding decides; step inside until the conjugate is finite.
    best = max(*(value(inside * (1 - margin)) for margin in (1e-15, 1e-13, 1e-10)), value(0.0))
    if not bounded or inside >= 1:
        return float(best)
    low, high = inside, 1.0
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    f_left, f_right = value(left), value(right)
    best = max(best, f_left, f_right, value(1.0))
    for _ in range(20):
        if f_left > f_right:
            high, right, f_right = right, left, f_left
            left = high - GOLDEN * (high - low)
            f_left = value(left)
        else:
            low, left, f_left = left, right, f_right
            right = low + GOLDEN * (high - low)
            f_right = value(right)
        best = max(best, f_left, f_right)
        if high - low < 1e-9:
            break
    return float(best)
