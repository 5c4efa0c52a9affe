"""The one loop: it owns limits, non-finite checks, the certificate and the status. Solvers only step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.certificate import Point, certify, recertify
from clearhead.glm.kernels.threads import threads_for_rows
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import Penalty
from clearhead.glm.polish import polish
from clearhead.glm.problem import Problem
from clearhead.glm.solution import Solution, Status
from clearhead.glm.solvers.base import Solver

__all__ = ["Limits", "solve"]

PATIENCE = 30  # certificates without progress before a solve counts as stalled


@dataclass(frozen=True)
class Limits:
    """When to stop at one λ: ``tol`` is relative to the null loss; ``deadline`` is on the monotonic clock; ``polish``
    as in `SolveOptions`."""

    tol: float
    max_iter: int
    deadline: float = math.inf
    polish: bool = False

    @classmethod
    def of(cls, tol: float, options: SolveOptions) -> Limits:
        deadline = math.inf if options.time_limit is None else time.monotonic() + options.time_limit
        return cls(tol, options.max_iter, deadline, options.polish)


def solve(
    problem: Problem,
    penalty: Penalty,
    lambda_: float,
    solver: Solver,
    limits: Limits,
    start: tuple[Tensor, Tensor],
    guess: Tensor | None = None,
) -> Solution:
    """Step from ``start`` (coef, intercept) until the gap is within ``limits.tol`` of the null loss, or a limit.

    ``guess`` is another (p, k) to begin at if it is better than ``start``.
    """
    with threads_for_rows(problem.device.type == "cpu" and problem.width in (8, 16)):
        return _solve(problem, penalty, lambda_, solver, limits, start, guess)


def _solve(
    problem: Problem,
    penalty: Penalty,
    lambda_: float,
    solver: Solver,
    limits: Limits,
    start: tuple[Tensor, Tensor],
    guess: Tensor | None,
) -> Solution:
    began, reads = time.monotonic(), problem.design.reads
    solver.start(lambda_)
    enough = limits.tol * problem.null[1]
    point, dual = _begin(problem, penalty, lambda_, solver, start, guess, enough)
    best, status, iteration = point, None, 0
    watch = _Watch(problem)
    while (status := _outcome(problem, best, dual, limits, iteration, watch)) is None:
        solver.observe(point)
        coef, logits, intercept = solver.step(point)
        candidate = certify(problem, penalty, lambda_, coef, logits, intercept, enough, solver.bundle)
        iteration += 1
        if not candidate.finite:
            status = Status.Diverged
            break
        point = candidate
        if solver.dual_search is not None and point.objective <= best.objective:
            point = solver.dual_search.improved(point, lambda_, max(dual, point.dual), enough, limits.deadline)
        dual = max(dual, point.dual)
        best = point if point.objective <= best.objective else best
        watch.see(best.objective, best.objective - dual, best.kkt)
    if limits.polish and status not in (Status.TimeLimit, Status.Diverged):
        best = polish(problem, penalty, lambda_, best, limits.deadline)
        dual = max(dual, best.dual)
        status = _reached(problem, best, dual, limits, watch) or status
    solver.reached = best
    info = {"loss": best.fit.loss, "seconds": time.monotonic() - began, "reads": problem.design.reads - reads}
    info["rows"] = problem.design.total
    info |= {f"{name}_stop_epoch": float(epoch) for name, epoch in solver.stopped.items()}
    return _solution(problem, best, dual, lambda_, status, iteration, info)


def _begin(
    problem: Problem,
    penalty: Penalty,
    lambda_: float,
    solver: Solver,
    start: tuple[Tensor, Tensor],
    guess: Tensor | None,
    enough: float,
) -> tuple[Point, float]:
    """Where to step from, and the best dual bound so far.

    The weights that the last λ ended with need no read to be certified at this one.
    """
    coef, intercept = start[0].to(problem.device, problem.dtype), start[1].to(problem.device).double()

    def fresh(weights: Tensor, b: Tensor) -> Point:
        return certify(problem, penalty, lambda_, weights, problem.logits(weights), b, enough, solver.bundle)

    last, solver.reached = solver.reached, None  # its arrays are not held beside those of the steps to come
    if last is not None and torch.equal(last.coef, coef):
        point = recertify(problem, penalty, lambda_, last, enough, solver.bundle)
    else:
        point = fresh(coef, intercept)
    dual = point.dual
    if point.objective - dual <= enough:
        return point, dual
    if guess is not None:
        solver.observe(point)
        problem.release(point.logits)
        other = fresh(guess, point.intercept)
        dual = max(dual, other.dual) if other.finite else dual
        if other.finite and other.objective < point.objective:
            return other, dual
    return point, dual


def _outcome(
    problem: Problem, point: Point, dual: float, limits: Limits, iteration: int, watch: _Watch
) -> Status | None:
    reached = _reached(problem, point, dual, limits, watch)
    if reached is not None:
        return reached
    if iteration >= limits.max_iter:
        return Status.IterationLimit
    if math.isfinite(limits.deadline) and distributed.smallest(limits.deadline - time.monotonic()) < 0:
        return Status.TimeLimit
    if watch.idle >= PATIENCE:
        near = (point.objective - dual) / problem.null[1] < 1e4 * torch.finfo(problem.dtype).eps
        return Status.PrecisionLimit if near else (Status.Uncertified if math.isinf(dual) else Status.Stalled)
    return None


def _reached(problem: Problem, point: Point, dual: float, limits: Limits, watch: _Watch) -> Status | None:
    """Whether ``point`` is as good as was asked for."""
    if problem.null[1] <= 0 or _gap(problem, point, dual) <= limits.tol:
        return Status.Converged
    return Status.Uncertified if math.isinf(dual) and point.kkt <= limits.tol * watch.scale else None


def _centred(problem: Problem, intercept: Tensor) -> Tensor:
    """Intercepts that only matter up to a common shift sum to zero."""
    return intercept - intercept.mean() if problem.loss.shift_invariant else intercept


class _Watch:
    """Counts how long neither the objective, the gap nor the KKT residual has improved by more than rounding."""

    def __init__(self, problem: Problem) -> None:
        self.idle = 0
        self.scale = float(problem.null[2].abs().max())
        self._rounding = torch.finfo(problem.dtype).eps * problem.null[1]
        self._best = (math.inf, math.inf, math.inf)

    def see(self, objective: float, gap: float, kkt: float) -> None:
        lowest, narrowest, smallest = self._best
        better = (
            objective < lowest - self._rounding
            or (gap < 0.999 * narrowest and narrowest > self._rounding)
            or kkt < 0.999 * smallest
        )
        self.idle = 0 if better else self.idle + 1
        self._best = (min(objective, lowest), min(gap, narrowest), min(kkt, smallest))


def _gap(problem: Problem, point: Point, dual: float) -> float:
    """The gap relative to the null loss, never below what this precision resolves."""
    unit = problem.null[1]
    return max((point.objective - dual) / unit, torch.finfo(problem.dtype).eps) if unit > 0 else 0.0


def _solution(
    problem: Problem, point: Point, dual: float, lambda_: float, status: Status, n_iter: int, info: dict[str, float]
) -> Solution:
    return Solution(
        lambda_=lambda_,
        coef=point.coef.clone(),
        intercept=_centred(problem, point.intercept),
        objective=point.objective,
        gap=_gap(problem, point, dual),
        kkt=point.kkt,
        status=status,
        n_iter=n_iter,
        standardizer=problem.scaler,
        loss=problem.loss.name,
        null_loss=problem.null[1],
        info=info,
    )
