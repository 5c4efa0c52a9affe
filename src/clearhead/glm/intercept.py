"""The intercept that is optimal for given logits, by Newton's method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.fit import EVERY_CURVATURE, Fit
from clearhead.glm.row_arrays import Logits

if TYPE_CHECKING:
    from clearhead.glm.problem import Problem

__all__ = ["InterceptSolver"]

PAIRS = 8
SLOW = 0.5  # of the mean residual may be left by a step with a curvature of earlier logits
NEAR_SINGULAR = 1e-6  # of the curvature's mean diagonal is added to it


class InterceptSolver:
    """Newton steps from where the last search ended; those that do not descend are halved.

    Where the curvature is made on request only, that of earlier logits serves as long as its steps are good.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._last: tuple[Logits, Tensor, Fit] | None = None
        self._factor: Tensor | None = None  # Cholesky factor of a curvature
        self._pairs: list[tuple[Tensor, Tensor]] = []  # steps since, and what they did to the slope
        held = problem.arrays.held
        self._costly = not held or problem.n_outputs > EVERY_CURVATURE
        # Where logits are made anew, each trial is a pass over the rows.
        self._spared, self._halvings = (0, 20) if held else (1, 3)

    def solve(self, logits: Logits, start: Tensor, limit: int, slack: float) -> tuple[Tensor, Fit]:
        """As `Problem.solve_intercept`."""
        b = start.double()
        fit = self._known(logits, b) or self.problem.fit(logits, b)
        if not self.problem.intercept:
            return b, fit
        enough = self._enough(slack)
        for _ in range(limit - self._spared):
            if not math.isfinite(fit.loss) or bool((fit.theta_mean.abs() <= enough).all()):
                break
            reused = fit.curvature is None and self._factor is not None
            trial, following = self._descend(logits, b, self._step(fit), fit)
            if following is None:
                if not reused:
                    break
                self._factor = None
                continue
            if fit.curvature is None:
                self._remember(trial - b, fit.theta_mean - following.theta_mean)
            if reused and float(following.theta_mean.abs().max()) > SLOW * float(fit.theta_mean.abs().max()):
                self._factor = None
            b, fit = trial, following
        self._last = (logits, b, fit)
        return b, fit

    def learn(self, curvature: Tensor) -> None:
        """Take this curvature (k, k) for the steps to come."""
        ridge = curvature.diagonal().mean().clamp(min=1e-300)
        # S is singular along equal shifts of all classes; adding that direction makes the system regular.
        regular = curvature + ridge / len(curvature) * self.problem.loss.shift_invariant
        regular.diagonal().add_(NEAR_SINGULAR * ridge)
        factor, failed = torch.linalg.cholesky_ex(regular.cpu())
        self._factor, self._pairs = None if int(failed) else factor, []

    def _remember(self, step: Tensor, change: Tensor) -> None:
        """A step and the change of the slope that it caused, for the steps to come."""
        step, change = step.cpu(), change.cpu()
        if float(step @ change) > 0:
            self._pairs = [*self._pairs, (step, change)][-PAIRS:]

    def _through(self, slope: Tensor) -> Tensor:
        """The factored curvature's Newton step for this slope, corrected by the pairs (limited-memory BFGS)."""
        assert self._factor is not None
        shares = []
        for step, change in reversed(self._pairs):
            shares.append(float(step @ slope) / float(step @ change))
            slope = slope - shares[-1] * change
        result = torch.cholesky_solve(slope[:, None], self._factor)[:, 0]
        for (step, change), share in zip(self._pairs, reversed(shares), strict=True):
            result = result + (share - float(change @ result) / float(step @ change)) * step
        return result

    def _enough(self, slack: float) -> Tensor:
        """(k,) mean residuals that are rounding, or cost no more than allowed where a step is costly."""
        eps, mean = torch.finfo(self.problem.dtype).eps, self.problem.target_mean
        rounding = 0.3 * eps * torch.ones_like(mean)
        return rounding.maximum(max(10 * eps, slack) * mean.abs()) if self._costly else rounding

    def _known(self, logits: Logits, b: Tensor) -> Fit | None:
        """What the last search ended with, where it is asked for again: a line search's fit by its certificate."""
        if self._last is None or self._last[0] is not logits or not torch.equal(self._last[1], b):
            return None
        return self._last[2]

    def _step(self, fit: Fit) -> Tensor:
        """The intercept's step (k,); with the diagonal of the curvature alone, by that."""
        slope, curvature = fit.theta_mean.cpu(), fit.curvature
        if curvature is None and self._factor is None:
            self.learn(self.problem.curvature(fit))
        if curvature is None and self._factor is not None:
            step = self._through(slope)
        else:
            step = self._least_squares((self.problem.curvature(fit) if curvature is None else curvature).cpu(), slope)
        return distributed.agreed(step).to(fit.theta_mean)

    def _least_squares(self, curvature: Tensor, slope: Tensor) -> Tensor:
        if curvature.ndim == 1:
            return slope / curvature.clamp(min=1e-12 * float(curvature.max()))
        ridge = curvature.diagonal().mean().clamp(min=1e-12) / len(slope) * self.problem.loss.shift_invariant
        solution: Tensor = torch.linalg.lstsq(curvature + ridge, slope).solution
        return solution

    def _descend(self, logits: Logits, b: Tensor, step: Tensor, fit: Fit) -> tuple[Tensor, Fit | None]:
        # The loss is known to some roundings of its sum: within these the mean residual says which is better.
        noise = max(torch.finfo(self.problem.dtype).eps, 16 * torch.finfo(torch.float64).eps) * abs(fit.loss)
        for halving in range(self._halvings):
            trial = b + step * 0.5**halving
            following = self.problem.fit(logits, trial)
            smaller = float(following.theta_mean.abs().max()) < float(fit.theta_mean.abs().max())
            if following.loss < fit.loss - noise or (smaller and following.loss <= fit.loss + noise):
                return trial, following
            if float(step.abs().max()) * 0.5**halving < 1e-14:
                break
        return b, None
