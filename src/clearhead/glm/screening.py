"""Working sets for rows that are costly to read: solve on a few kept features, then check all of them in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from clearhead.glm.certificate import Point
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Logits
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.prox_newton import ProxNewton

__all__ = ["Screened"]

SHARE = 0.5  # of the tolerance: what the kept features are solved to
LOWEST, HIGHEST = 0.6, 0.9  # shares of the threshold between which the strong rule's level is kept


class Screened(Solver):
    """Each step solves the problem of the kept features with `ProxNewton` and embeds the answer; the loop's
    certificate then reads all features once and names those that violate optimality.

    Which features are kept follows the sequential strong rule (Tibshirani et al. 2012) with room for those that come
    next, so that the rows are gathered again only a few times along a path.
    """

    name: ClassVar[str] = "screened"
    takes_guess: bool = False

    def __init__(self, problem: Problem, penalty: Penalty, seed: int, limits: Limits) -> None:
        super().__init__(problem, penalty, seed)
        self.limits = limits
        self.kept = torch.zeros(0, dtype=torch.int64, device=problem.device)
        self.part: Problem | None = None
        self.inner: ProxNewton | None = None
        self.lambda_ = self.before = 0.0
        self.share, self.steps = SHARE, 0

    def start(self, lambda_: float) -> None:
        self.before, self.lambda_ = max(self.lambda_, lambda_), lambda_
        self.share, self.steps = SHARE, 0

    def observe(self, point: Point) -> None:
        pass

    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        wanted = self._wanted(point)
        if int(wanted.sum()) > self.problem.design.capacity(self.problem.n_outputs):
            wanted = self._needed(point)
        if not bool(wanted.any()):
            return point.coef, point.logits, point.intercept
        missing = wanted.clone()
        missing[self.kept] = False
        if bool(missing.any()):
            self._keep(wanted, (point.coef != 0).any(1), point.slope)
        elif self.steps:
            self.share *= 0.3  # nothing was left out, so the solve on the kept features was too loose
        self.steps += 1
        assert self.part is not None
        assert self.inner is not None
        limits = Limits(self.limits.tol * self.share, self.limits.max_iter, self.limits.deadline)
        self.inner.reached = self._kept_of(point, self.part)
        start = (self.inner.reached.coef, point.intercept)
        solve(self.part, self.inner.penalty, self.lambda_, self.inner, limits, start)
        found, coef = self.inner.reached, torch.zeros_like(point.coef)
        coef[self.kept] = found.coef
        logits = self.problem.logits(coef)
        self.problem.expect(logits, found.intercept, found.fit)
        return coef, logits, found.intercept

    def _kept_of(self, point: Point, part: Problem) -> Point:
        """The point as one of the kept features' problem, for which nothing is read: no other feature is in use."""
        coef = point.coef[self.kept]
        logits = part.arrays.adopted(point.logits, coef)
        return replace(point, coef=coef, logits=logits, slope=point.slope[self.kept])

    def _wanted(self, point: Point) -> Tensor:
        """(p,) the features in use, those that the strong rule lets in at first, and violators afterwards."""
        if self.steps:
            return self._needed(point)
        used = (point.coef != 0).any(1)
        level = min(max(2 * self.lambda_ - self.before, LOWEST * self.lambda_), HIGHEST * self.lambda_)
        return used | (self.penalty.excess(point.slope, level)[0] > 0).any(1)

    def _needed(self, point: Point) -> Tensor:
        """(p,) the features in use and those that violate optimality."""
        violation = self.penalty.violation(point.coef.double(), point.slope, self.lambda_)
        return (point.coef != 0).any(1) | (violation > 0).any(1)

    def _keep(self, wanted: Tensor, used: Tensor, slope: Tensor) -> None:
        """Gather the features in use and, as far as there is room, the wanted ones and those whose slope is largest.

        Where those in use do not fit, they and the wanted ones stay where they are, and each pass reads them there.
        """
        room = self.problem.design.capacity(self.problem.n_outputs)
        count = int(wanted.sum()) if int(used.sum()) >= room else min(len(wanted), room)
        factors = self.penalty.weights(len(slope), slope)
        size = self.penalty.size(slope) / factors.clamp(min=1e-12)
        score = torch.where(torch.isfinite(factors), size, torch.zeros_like(size)).amax(1)
        above = 2 * (1 + score.max())
        chosen = (score + (wanted.double() + used.double()) * above).argsort(descending=True, stable=True)[:count]
        self.part = self.inner = None  # their memory is needed
        # In this order those in use lie side by side in a row, and to pick them out is to read little of it.
        self.kept = chosen[(score > 0)[chosen] | used[chosen]]
        self.part = self.problem.narrowed(self.kept)
        penalty = self.penalty
        if penalty.factors is not None:
            penalty = replace(penalty, factors=[penalty.factors[j] for j in self.kept.tolist()])
        # Most of what is kept is for later λ's, by when it has been gathered again.
        self.inner = ProxNewton(self.part, penalty, self.seed, whole=False)
