"""The intercept that is optimal for given logits, by Newton's method."""

from __future__ import annotations

import math
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.fit import FULL_CURVATURE, Fit
from clearhead.glm.row_arrays import Logits

if TYPE_CHECKING:
    from clearhead.glm.problem import Problem

__all__ = ["InterceptSolver"]

PAIRS = 10
ROUNDINGS = 8
SINGULAR = torch.finfo(torch.float64).eps ** 0.5  # of two pivots of a Cholesky factor


class InterceptSolver:
    """Newton steps from where the last search ended; those that do not descend are halved.

    Where the curvature is a diagonal, steps and what they did to the mean residual correct it (limited-memory BFGS),
    from one search to the next.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem: Problem = weakref.proxy(problem)  # which owns this: a cycle would keep its rows in memory
        self._last: tuple[Logits, Tensor, Fit] | None = None
        self._pairs: list[tuple[Tensor, Tensor]] = []
        held = problem.arrays.held
        self._large = held and problem.n_outputs > FULL_CURVATURE
        self._costly = not held or self._large
        # Where logits are made anew, each trial is a pass over the rows; of a parabola the whole step is the best.
        self._halvings = 1 if problem.loss.quadratic else (20 if held else 3)

    def solve(self, logits: Logits, start: Tensor, limit: int, slack: float, keep: bool) -> tuple[Tensor, Fit]:
        """As `Problem.solve_intercept`."""
        b = start.double()
        fit = self._known(logits, b) or self.problem.fit(logits, b)
        if not self.problem.intercept:
            return b, fit
        enough = self._enough(slack)
        for _ in range(limit):
            if not math.isfinite(fit.loss) or bool((fit.theta_mean.abs() <= enough).all()):
                break
            # Of many outputs, a residual is not held beside the next one.
            fit = replace(fit, theta=None) if self._large and isinstance(fit.theta, Tensor) else fit
            trial, following = self._descend(logits, b, self._step(fit), fit)
            if following is None:
                self._pairs = []  # what misled the step is forgotten
                safe = self.problem.loss.safe_step(fit.theta_mean, self.problem.target_mean)
                trial, following = self._descend(logits, b, safe, fit)
            if following is None:
                break
            self._remember(trial - b, fit.theta_mean - following.theta_mean)
            b, fit, following = trial, following, None
        fit = self.problem.fit(logits, b) if fit.theta is None else fit
        self._last = None
        if keep:
            self.expect(logits, b, fit)
        return b, fit

    def expect(self, logits: Logits, b: Tensor, fit: Fit) -> None:
        """The next search begins at these logits and b, whose fit this is."""
        self._last = (logits, b, fit)

    def forget(self) -> None:
        """The logits of the last search will not be asked for again."""
        self._last = None

    def _enough(self, slack: float) -> Tensor:
        """(k,) mean residuals that are rounding, more of it where a step is costly, or cost no more than allowed."""
        eps, mean = torch.finfo(self.problem.dtype).eps, self.problem.target_mean
        rounding = (10 * eps * self._costly * mean.abs()).clamp(min=0.3 * eps)
        return rounding.maximum(slack * self.problem.loss.forgiven(mean))

    def _known(self, logits: Logits, b: Tensor) -> Fit | None:
        """What the last search ended with, where it is asked for again: a line search's fit by its certificate."""
        last, self._last = self._last, None
        return None if last is None or last[0] is not logits or not torch.equal(last[1], b) else last[2]

    def _step(self, fit: Fit) -> Tensor:
        """The intercept's step (k,)."""
        slope, curvature = fit.theta_mean.cpu(), fit.curvature.cpu()
        if curvature.ndim == 1:
            step = self._corrected(slope, curvature.clamp(min=1e-12 * float(curvature.max())))
        else:
            # S is singular along equal shifts of all classes; adding that direction makes the system regular.
            ridge = curvature.diagonal().mean().clamp(min=1e-12) / len(slope) * self.problem.loss.shift_invariant
            step = _solved(curvature + ridge, slope)
        return distributed.agreed(step).to(fit.theta_mean)

    def _corrected(self, slope: Tensor, diagonal: Tensor) -> Tensor:
        """The step for this slope by the diagonal and the pairs (Nocedal 1980, the two-loop recursion)."""
        shares = []
        for step, change in reversed(self._pairs):
            shares.append(float(step @ slope) / float(step @ change))
            slope = slope - shares[-1] * change
        result = slope / diagonal
        for (step, change), share in zip(self._pairs, reversed(shares), strict=True):
            result = result + (share - float(change @ result) / float(step @ change)) * step
        return result

    def _remember(self, step: Tensor, change: Tensor) -> None:
        """A step of the intercept and the change of the slope that it caused."""
        step, change = step.cpu(), change.cpu()
        if float(step @ change) > 0 and self.problem.n_outputs > FULL_CURVATURE:
            self._pairs = [*self._pairs, (step, change)][-PAIRS:]

    def _descend(self, logits: Logits, b: Tensor, step: Tensor, fit: Fit) -> tuple[Tensor, Fit | None]:
        # The loss is known to some roundings of its sum: within these the mean residual says which is better.
        eps = torch.finfo(self.problem.dtype).eps
        noise, left = max(eps, 16 * torch.finfo(torch.float64).eps) * abs(fit.loss), float(fit.theta_mean.abs().max())
        # Residuals themselves have this many roundings: a part of a step gains no more on them than the whole.
        for halving in range(self._halvings if left > ROUNDINGS * eps else 1):
            trial = b + step * 0.5**halving
            following = self.problem.fit(logits, trial)
            smaller = float(following.theta_mean.abs().max()) < left
            if following.loss < fit.loss - noise or (smaller and following.loss <= fit.loss + noise):
                return trial, following
            del following
            if float(step.abs().max()) * 0.5**halving < 1e-14:
                break
        return b, None


def _solved(curvature: Tensor, slope: Tensor) -> Tensor:
    """The solution (k,) of least norm; by Cholesky unless of some outputs nothing is uncertain."""
    factor, failed = torch.linalg.cholesky_ex(curvature)
    pivots = factor.diagonal()
    if int(failed) or float(pivots.min()) < SINGULAR * float(pivots.max()):
        least: Tensor = torch.linalg.lstsq(curvature, slope).solution
        return least
    return torch.cholesky_solve(slope[:, None], factor)[:, 0]
