"""The last digits of a solution: Newton steps on the weights in use, until optimality holds to rounding."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.certificate import Point, certify
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.kernels.threads import all_threads
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Whole

__all__ = ["affordable", "polish"]

MULTIPLY_ADDS = 2e9  # of one Hessian, beyond which a solution is left as it is
WRITTEN = 1 << 22  # numbers that are written out at once
ARRAYS = 6  # of rows × outputs among them
STEPS = 20
ROUNDINGS = 4  # of the steepest slope, in which the optimality conditions are met
FLAT = 1e-13  # eigenvalues below this share of the largest are directions in which the loss does not change


def polish(problem: Problem, penalty: Penalty, lambda_: float, point: Point, deadline: float = math.inf) -> Point:
    """``point`` with a KKT residual at the rounding's level, where that can be had: penalties on entries, λ > 0, rows
    in memory, at most `FULL_CURVATURE` outputs and few weights in use; else as it is.

    A gap of ε leaves weights uncertain by some √ε, so a fit depends on which of the points within its tolerance it
    stopped at. Newton's method on the signs found (semismooth, as in Hintermüller, Ito and Kunisch 2002) ends at the
    optimum itself. A step after which the conditions hold no better, or the objective is larger, is not taken.
    """
    best, eps = point, torch.finfo(problem.dtype).eps
    for _ in range(STEPS if _applies(problem, penalty, lambda_) else 0):
        wanted = (best.coef != 0) | (penalty.violation(best.coef.double(), best.slope, lambda_) > 0)
        found = best.kkt <= ROUNDINGS * eps * float(best.slope.abs().max())
        if found or not affordable(problem.design.total, int(wanted.sum()), problem.n_outputs):
            break
        if math.isfinite(deadline) and distributed.smallest(deadline - time.monotonic()) < 0:
            break
        step = _Newton(problem, penalty, lambda_, best, *wanted.nonzero(as_tuple=True)).step()
        if step is None:
            break
        coef, intercept = step
        following = certify(problem, penalty, lambda_, coef, problem.logits(coef), intercept)
        lower = following.objective <= best.objective + ROUNDINGS * eps * abs(best.objective)
        if not (following.finite and following.kkt < best.kkt and lower):
            break
        best = following
    return best


def affordable(rows: float, used: int, outputs: int) -> bool:
    """Whether a Hessian over so many weights in use, and the intercept, can be paid."""
    size = used + outputs
    return outputs <= FULL_CURVATURE and max(rows, size) * size**2 + rows * outputs**2 <= MULTIPLY_ADDS


def _applies(problem: Problem, penalty: Penalty, lambda_: float) -> bool:
    held = isinstance(problem.arrays, Whole) and problem.design.at_hand
    return held and not penalty.grouped and lambda_ > 0


@dataclass(frozen=True, eq=False)
class _Newton:
    """One step from ``point`` on its weights (``features``, ``outputs``), both (a,), and the intercept."""

    problem: Problem
    penalty: Penalty
    lambda_: float
    point: Point
    features: Tensor
    outputs: Tensor

    def step(self) -> tuple[Tensor, Tensor] | None:
        """Weights (p, k) and intercept (k,), with zeros for weights that would change sign; None where there is no
        finite Hessian."""
        W = self.point.coef.double()[self.features, self.outputs]
        slope = self.point.slope[self.features, self.outputs]
        signs = torch.where(W == 0, slope, W).sign()
        level = self.lambda_ * self.penalty.weights(len(self.point.coef), slope)[self.features, 0]
        ridge, threshold = level * (1 - self.penalty.l1_ratio), level * self.penalty.l1_ratio
        pull = slope - threshold * signs - ridge * W
        if self.problem.intercept:
            pull = torch.cat([pull, self.point.fit.theta_mean])
        with all_threads():
            H = self._hessian()
            H.diagonal()[: len(W)] += ridge
            if not len(H) or not bool(torch.isfinite(H).all()):
                return None
            step = distributed.agreed(_solved(H, pull))
        target = W + step[: len(W)]
        kept = (target * signs > 0) | ((threshold == 0) & (not self.penalty.nonnegative))
        coef = torch.zeros_like(self.point.coef)
        coef[self.features, self.outputs] = torch.where(kept, target, torch.zeros_like(target)).to(coef)
        return coef, self.point.intercept + step[len(W) :] if self.problem.intercept else self.point.intercept

    def _hessian(self) -> Tensor:
        """∂²loss over the weights and, where there is one, the intercept, float64."""
        problem, k, device = self.problem, self.problem.n_outputs, self.features.device
        used, place = torch.unique(self.features, return_inverse=True)
        own = torch.arange(k if problem.intercept else 0, device=device)
        places = torch.cat([place, torch.full_like(own, len(used))])
        classes = torch.cat([self.outputs, own])
        groups = [(c, (classes == c).nonzero()[:, 0]) for c in range(k)]
        H = torch.zeros(len(places), len(places), dtype=torch.float64, device=device)
        for Z, curvature, q in self._rows(used):
            for c, mine in groups:
                left, places_left = Z[:, places[mine]], mine[:, None]
                H[places_left, mine] += (left * curvature[:, c, None]).T @ left
                for d, others in groups[:c] if problem.loss.coupled else []:
                    block = (left * (curvature[:, k] * q[:, c] * q[:, d])[:, None]).T @ Z[:, places[others]]
                    H[places_left, others] -= block
                    H[others[:, None], mine] -= block.T
        return distributed.all_reduce(H) / problem.design.total

    def _rows(self, used: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Some rows at a time: the ``used`` features and a one, the weighted curvature of each output with the weight
        itself as its last column, and q = y − θ."""
        problem, k = self.problem, self.problem.n_outputs
        design, n = problem.design.narrowed(used), len(problem.weight)
        size = max(1, WRITTEN // (len(used) + ARRAYS * k))
        problem.design.reads += 1
        for start in range(0, n, size):
            span = slice(start, min(start + size, n))
            index = torch.arange(span.start, span.stop, device=used.device)
            Z = design.rows(index).double()
            Y = problem.arrays.written(span)[:, :k].double()
            theta = problem.loss.residual(self.point.logits[span, :k].double() + self.point.intercept, Y)
            weight = problem.weight[span, None]
            curvature = torch.cat([problem.loss.row_diagonal(theta, Y) * weight, weight], 1)
            yield torch.cat([Z, torch.ones_like(weight)], 1), curvature, Y - theta


def _solved(H: Tensor, pull: Tensor) -> Tensor:
    """The shortest solution of H·step = pull, in units in which H has a diagonal of ones: equal shifts of all classes,
    and features that say the same, change nothing."""
    unit = H.diagonal().clamp(min=1e-300).rsqrt()
    scaled = unit[:, None] * H * unit
    values, vectors = torch.linalg.eigh(scaled)
    inverse = torch.where(values > FLAT * values[-1], 1 / values, torch.zeros_like(values))
    step: Tensor = unit * (vectors @ (inverse * (vectors.T @ (unit * pull))))
    return step
