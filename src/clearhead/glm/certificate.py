"""The certificate of a point: objective, KKT residual and a duality gap from a feasible dual point. Knows no solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clearhead.glm.balance import Balance
from clearhead.glm.bundle import DualBundle
from clearhead.glm.fit import Fit
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Logits

__all__ = ["Point", "certify", "fitted_mean", "recertify"]

FAR = 5.0
INTERCEPT = 0.02  # the share of the gap that an intercept may cost


@dataclass(frozen=True, eq=False)
class Point:
    """Weights with everything that was computed to certify them.

    ``coef`` (p, k); ``intercept`` (k,) float64, optimal for ``coef``; ``logits`` without intercept, in a form of
    `row_arrays`; ``fit``, the loss there with its curvature, without the residual; ``slope`` (p, k) = −∂loss/∂W, in
    float64; ``objective`` F; ``dual``, a lower bound of the optimum, and ``dual_slope`` (p, k), the Zᵀθ/n of the dual
    point that gives it; ``kkt``, the largest violation of optimality. Only the last four depend on λ.
    """

    coef: Tensor
    intercept: Tensor
    logits: Logits
    fit: Fit
    slope: Tensor
    objective: float
    dual: float
    dual_slope: Tensor
    kkt: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.objective) and math.isfinite(self.kkt)


def certify(
    problem: Problem,
    penalty: Penalty,
    lambda_: float,
    coef: Tensor,
    logits: Logits,
    start: Tensor,
    enough: float = 0.0,
    bundle: DualBundle | None = None,
) -> Point:
    """Certify ``coef`` with cached ``logits`` = offset + Z·coef: exact intercept, one product, the best dual bound.

    ``start`` (k,) is where the intercept's Newton iteration begins. A gap of at most ``enough`` needs no better bound.
    ``bundle`` holds other dual points that a bound may mix in, and receives this one.
    """
    # What is left of the mean residual is mixed away, which costs its share of the mean target in null losses.
    slack = INTERCEPT * enough / problem.null[1] if enough > 0 else 0.0
    intercept, fit = problem.solve_intercept(logits, start, slack=slack)
    slope = problem.slope(fit.theta)
    fit = replace(fit, theta=None)  # an array of rows × outputs that nothing else asks for
    return _judged(problem, penalty, lambda_, coef, intercept, logits, fit, slope, enough, bundle)


def recertify(
    problem: Problem, penalty: Penalty, lambda_: float, point: Point, enough: float, bundle: DualBundle | None
) -> Point:
    """The same weights certified at another λ, without touching the rows."""
    fixed = (point.coef, point.intercept, point.logits, point.fit, point.slope)
    return _judged(problem, penalty, lambda_, *fixed, enough, bundle)


def _judged(
    problem: Problem, penalty: Penalty, lambda_: float, coef: Tensor, intercept: Tensor, logits: Logits, fit: Fit,
    slope: Tensor, enough: float, bundle: DualBundle | None,
) -> Point:  # fmt: skip
    W = coef.double()
    objective = fit.loss + penalty.value(W, lambda_)
    kkt = float(penalty.violation(W, slope, lambda_).max())
    if problem.intercept:
        kkt = max(kkt, float(fit.theta_mean.abs().max()))
    bound = _Bound(problem, penalty, lambda_, objective, fit, logits, intercept, slope, W, bundle)
    dual, dual_slope = bound.best(objective - enough)
    return Point(coef, intercept, logits, fit, slope, objective, dual, dual_slope, kkt)


def fitted_mean(coef: Tensor, intercept: Tensor, slope: Tensor, fit: Fit) -> float:
    """The mean of ⟨θ, z⟩ over rows, offsets apart, for the residual θ at these weights. With the loss it is θ's smooth
    dual value; an intercept that is not exact has its share in it."""
    return float((slope * coef).sum() + intercept @ fit.theta_mean)


@dataclass(frozen=True, eq=False)
class _Bound:
    """D(τθ) for τ in [0, 1], where θ is the residual at W.

    −ℓ*(−θ) = ℓ(z) + θ·z where θ = −∇ℓ(z), so D(θ) = loss + ⟨V, W⟩ + b·mean(θ) − penalty*(V) with V = Zᵀθ/n needs no
    logarithm, and its difference from the objective is a sum of Fenchel-Young terms without cancellation.
    """

    problem: Problem
    penalty: Penalty
    lambda_: float
    objective: float
    fit: Fit
    logits: Logits
    intercept: Tensor
    slope: Tensor
    coef: Tensor
    bundle: DualBundle | None

    def best(self, wanted: float) -> tuple[float, Tensor]:
        """The bound at τ = 1, of a mixture or at a better τ where that may reach ``wanted``; and its V."""
        penalty, lambda_ = self.penalty, self.lambda_
        if lambda_ <= 0 or penalty.frees:
            return -math.inf, self.slope
        balance = Balance.of(self.problem, self.fit.theta_mean)
        slope, fitted = balance.slope(self.slope), fitted_mean(self.coef, self.intercept, self.slope, self.fit)
        smooth = balance.smooth(self.fit.loss + fitted)
        at_one = smooth - penalty.conjugate(slope, lambda_)
        if self.bundle is not None:
            self.bundle.add(smooth, slope)
        missing = wanted - at_one
        # Scaling wins a factor of a few, not more: far from the goal it is not worth its logarithms.
        if missing <= 0 or (math.isfinite(at_one) and missing > FAR * (self.objective - wanted)):
            return at_one, slope
        mixed, found = (-math.inf, slope) if self.bundle is None else self.bundle.best(penalty, lambda_, wanted)
        if math.isfinite(mixed):  # the point 0 is in every mixture, so scaling has nothing to add
            return (mixed, found) if mixed > at_one else (at_one, slope)
        best, bend, scale = at_one, 0.0, 1.0
        for _ in range(2):
            tau = self._scale(slope, fitted, bend)
            if tau >= 1:
                break
            smooth_value = self._smooth(tau, balance)
            value = smooth_value - penalty.conjugate(tau * slope, lambda_)
            if value > best:
                best, scale = value, tau
            if best >= wanted or not math.isfinite(smooth_value):
                break
            bend = min(0.0, 2 * (smooth_value - smooth - (tau - 1) * fitted) / (tau - 1) ** 2)
        return best, scale * slope

    def _smooth(self, tau: float, balance: Balance) -> float:
        value = self.problem.dual(self.logits, self.intercept, tau, balance.mix, balance.share)
        return -math.inf if math.isnan(value) else value

    def _scale(self, slope: Tensor, fitted: float, bend: float) -> float:
        """The τ that maximises the bound whose smooth part is ``fitted``·(τ−1) + ``bend``/2·(τ−1)² from τ = 1; at
        α = 1 no more than keeps the bound finite."""
        inside = _free_scale(self.penalty, slope, self.lambda_)
        if inside >= 1:
            return 1.0
        if math.isinf(self.penalty.conjugate(slope, self.lambda_)):
            margin = 1e-15
            while margin < 1 and math.isinf(self.penalty.conjugate(inside * (1 - margin) * slope, self.lambda_)):
                margin *= 4
            return inside * (1 - margin)
        width = 1e-6

        def rises(tau: float) -> bool:
            above, below = (self.penalty.conjugate(t * slope, self.lambda_) for t in (tau + width, tau - width))
            return 2 * width * (fitted + bend * (tau - 1)) > above - below

        return _bisect(rises, inside, 1.0)


def _bisect(rises: Callable[[float], bool], low: float, high: float) -> float:
    """Where a concave function turns, given whether it rises at a point."""
    if rises(high):
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) else (low, middle)
        if high - low < 1e-5:
            break
    return low


def _free_scale(penalty: Penalty, slope: Tensor, lambda_: float) -> float:
    """The largest τ ≤ 1 at which τ·slope is inside the ball of the ℓ1 part, where the conjugate is zero."""
    excess, factors = penalty.excess(slope, lambda_)
    level = lambda_ * penalty.l1_ratio * factors
    outside = excess > 0
    if not bool(outside.any()):
        return 1.0
    return float(torch.where(outside, level / (level + excess).clamp(min=1e-300), torch.ones_like(excess)).min())
