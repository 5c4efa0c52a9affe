"""One problem at work: its grid of λ's (eq. 5), warm starts, early stop, resume, and the search for a sparsity."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import DataError, SettingError
from clearhead.core.progress import Progress
from clearhead.glm.heldout import HeldOut, separates
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.screening import Screened
from clearhead.glm.solution import RegularizationPath, Solution, Status
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers import make_solver
from clearhead.glm.solvers.base import Solver

__all__ = ["PathFit", "given_lambdas", "lambda_grid"]


def lambda_grid(lambda_max: float, n_lambdas: int, lambda_min_ratio: float) -> list[float]:
    """``n_lambdas`` values from λ_max down to ratio·λ_max, equally spaced on a log scale (section A)."""
    if n_lambdas < 1 or not 0 < lambda_min_ratio <= 1:
        raise SettingError(
            "the λ grid needs n_lambdas ≥ 1 and 0 < lambda_min_ratio ≤ 1", got=f"{n_lambdas}, {lambda_min_ratio}"
        )
    steps = max(n_lambdas - 1, 1)
    return [lambda_max * lambda_min_ratio ** (i / steps) for i in range(n_lambdas)]


def given_lambdas(lambdas: Sequence[float]) -> list[float]:
    """Explicit λ's from the largest down; `SettingError` unless they are finite and ≥ 0."""
    values = sorted((float(v) for v in lambdas), reverse=True)
    if not values or any(not math.isfinite(v) or v < 0 for v in values):
        raise SettingError("λ's must be finite and ≥ 0, at least one of them", got=values)
    return values


@dataclass(eq=False)
class PathFit:
    """One problem, one penalty, one solver: what a path, a single fit and a search for a sparsity share."""

    problem: Problem
    penalty: Penalty
    solver: Solver
    tol: float
    options: SolveOptions

    @classmethod
    def prepare(
        cls,
        X: Any,
        y: Any,
        loss: Loss | None,
        penalty: Penalty | None,
        tol: float,
        sample_weight: Any,
        standardize: bool,
        solver: str,
        device: Any,
        seed: int,
        options: SolveOptions,
    ) -> PathFit:
        if not tol > 0:
            raise SettingError("tol must be positive", got=tol)
        penalty = penalty if penalty is not None else ElasticNet()
        kind = make_solver(solver)
        problem = Problem.build(
            X,
            y,
            loss if loss is not None else Multinomial(),
            sample_weight=sample_weight,
            standardize=standardize,
            device=device,
            options=options,
        )
        penalty.weights(problem.n_features, problem.weight)
        chosen: Solver = kind(problem, penalty, seed)
        if problem.design.costly and solver == "auto":
            chosen = Screened(problem, penalty, seed, Limits.of(tol, options))
        return cls(problem, penalty, chosen, tol, options)

    def empty(self) -> tuple[Tensor, Tensor]:
        problem = self.problem
        W = torch.zeros(problem.n_features, problem.n_outputs, dtype=problem.dtype, device=problem.device)
        return W, problem.null[0]

    def lambda_max(self) -> float:
        """λ_max of this problem; with unpenalised features, of the model that has only those."""
        value = self.penalty.lambda_max(self.problem.null[2])
        if self.penalty.frees:
            tight = Limits(1e3 * torch.finfo(self.problem.dtype).eps, self.options.max_iter)
            only = solve(self.problem, self.penalty, 1e3 * max(value, 1.0), self.solver, tight, self.empty())
            value = self.penalty.lambda_max(self._slope(only)) * (1 + 1e-5)  # the solve's own tolerance
        # A hair above, so that rounding cannot leave a weight at the first λ.
        return value * (1 + 4 * torch.finfo(self.problem.dtype).eps) if value > 0 else 1.0

    def _slope(self, solution: Solution) -> Tensor:
        fit = self.problem.fit(self.problem.logits(solution.coef), solution.intercept)
        return self.problem.slope(fit.theta)

    def _limits(self) -> Limits:
        return Limits.of(self.tol, self.options)

    def path(self, grid: list[float], progress: Progress) -> RegularizationPath:
        grid = [*grid, 0.0] if self.options.zero and 0.0 not in grid else grid
        limits, done, stopped = self._limits(), self._resumed(grid), ""
        held = self._held_out(done)
        progress.start("regularization path", len(grid))
        progress.advance(len(done))
        began = time.monotonic()
        for index in range(len(done), len(grid)):
            start = (done[-1].coef, done[-1].intercept) if done else self.empty()
            guess = _extrapolated(done, grid[index]) if self.solver.takes_guess else None
            solution = solve(self.problem, self.penalty, grid[index], self.solver, limits, start, guess)
            done.append(solution)
            progress.advance(1, _note(solution, time.monotonic() - began))
            if grid[index] == 0 and separates(self.problem, solution):
                warnings.warn("the classes separate: λ = 0 has no optimum, its weights grow without end", stacklevel=3)
            stopped = distributed.share(self._stop(index, solution, held))
            if stopped:
                break
        progress.finish(stopped)
        return RegularizationPath(done, stopped if len(done) < len(grid) else "")

    def _resumed(self, grid: list[float]) -> list[Solution]:
        done = list(self.options.resume)
        for solution, lambda_ in zip(done, grid, strict=False):
            if not math.isclose(solution.lambda_, lambda_, rel_tol=1e-9):
                raise SettingError(
                    "the stored path was fitted on another λ grid, so it cannot be continued",
                    got=f"λ={solution.lambda_:.9g}",
                    expected=f"{lambda_:.9g}",
                    fix="start again, or pass the λ's of the stored path",
                )
        shape = (self.problem.n_features, self.problem.n_outputs)
        if any(tuple(s.coef.shape) != shape for s in done):
            raise DataError(
                "the stored path has weights of another shape", got=tuple(done[0].coef.shape), expected=shape
            )
        return done[: len(grid)]

    def _held_out(self, done: list[Solution]) -> HeldOut | None:
        """The held-out rows that may stop the path, having seen what was resumed."""
        if self.options.stop_validation is None:
            return None
        held = HeldOut(*self.options.stop_validation, self.problem.loss, self.problem.n_outputs)
        for solution in done:
            held.see(solution)
        return held

    def _stop(self, index: int, solution: Solution, held: HeldOut | None) -> str:
        options = self.options
        if options.callback is not None and options.callback(index, solution):
            return "the callback asked to stop"
        if solution.status is Status.TimeLimit:
            return "the time limit came first"
        if options.stop_on_failure and not solution.status.ok:
            return f"λ={solution.lambda_:.4g} did not converge: {solution.status.name}"
        if held is not None:
            held.see(solution)
            if held.idle >= options.stop_patience:
                return f"the validation loss has not fallen for {held.idle} λ's"
        if options.stop_features is not None and solution.features_per_class > options.stop_features:
            return f"more than {options.stop_features:g} features per class"
        if options.stop_deviance is not None:
            loss = solution.objective - self.penalty.value(solution.coef, solution.lambda_)
            if 1 - loss / max(solution.null_loss, 1e-300) > options.stop_deviance:
                return f"the deviance ratio exceeds {options.stop_deviance:g}"
        return ""

    def towards(self, lambda_: float) -> Solution:
        """The solution at one λ, warm-started through a short grid from λ_max."""
        top, start, limits = self.lambda_max(), self.empty(), self._limits()
        loose = Limits(max(1e-2, self.tol), limits.max_iter, limits.deadline)
        steps = max(0, int(math.log(max(top, 1e-300) / max(lambda_, 1e-6 * top)) / math.log(2)))
        for i in range(1, steps + 1):
            between = solve(self.problem, self.penalty, top * 0.5**i, self.solver, loose, start)
            start = (between.coef, between.intercept)
        return solve(self.problem, self.penalty, lambda_, self.solver, limits, start)

    def sparsity(self, target: float, ratio: float) -> Solution:
        """The densest solution with at most ``target`` features per class, by bisection on log λ."""
        if target < 0:
            raise SettingError("features_per_class must be ≥ 0", got=target)
        limits = self._limits()
        high, low = self.lambda_max(), self.lambda_max() * ratio
        best = solve(self.problem, self.penalty, high, self.solver, limits, self.empty())
        trial, step = high, 0.7
        while trial > low:  # walk down until there are too many
            trial = max(trial * step, low)
            solution = solve(self.problem, self.penalty, trial, self.solver, limits, (best.coef, best.intercept))
            if solution.features_per_class > target:
                low = trial
                break
            best, high = solution, trial
            if trial == low:
                return best
        for _ in range(40):
            if best.features_per_class == target or high / low < 1 + 1e-6:
                break
            trial = math.sqrt(high * low)
            solution = solve(self.problem, self.penalty, trial, self.solver, limits, (best.coef, best.intercept))
            if solution.features_per_class > target:
                low = trial
            else:
                best, high = solution, trial
        return best


def _extrapolated(done: list[Solution], lambda_: float) -> Tensor | None:
    """The weights at λ if they went on along log λ as between the last two; weights that would change sign are zero."""
    if len(done) < 2 or not 0 < lambda_ < done[-1].lambda_ < done[-2].lambda_:
        return None
    before, last = done[-2:]
    reach = min(1.0, math.log(last.lambda_ / lambda_) / math.log(before.lambda_ / last.lambda_))
    guess = last.coef + reach * (last.coef - before.coef)
    return torch.where(guess.sign() == last.coef.sign(), guess, torch.zeros_like(guess))


def _note(solution: Solution, seconds: float) -> str:
    return f"λ={solution.lambda_:.3g} density={solution.density:.2%} gap={solution.gap:.0e} {seconds:.0f} s"
