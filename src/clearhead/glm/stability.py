"""How often every weight is kept when the rows are drawn again: bootstrap selection frequencies at one λ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import numpy_generator
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.solution import Solution
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers.prox_newton import ProxNewton

__all__ = ["Stability", "selection_frequency"]


@dataclass(frozen=True, eq=False)
class Stability:
    """``frequency`` (p, k): share of the ``refits`` in which the weight is not zero; the largest ``gap`` of any."""

    frequency: Tensor
    refits: int
    gap: float
    lambda_: float


def selection_frequency(
    X: Any,
    y: Any,
    solution: Solution,
    *,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    refits: int = 50,
    tol: float = 1e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Stability:
    """Refit at ``solution.lambda_`` on bootstrap weights of the rows, warm-started at ``solution``.

    Features keep the scale of all rows. The Gram matrix of all rows models every refit's Hessian (its secant memory
    learns the difference), and each refit is certified on its own weights. Draws that lose a class are drawn again.
    """
    if refits < 1:
        raise SettingError("refits must be at least 1", got=refits)
    loss = loss if loss is not None else Multinomial()
    penalty = penalty if penalty is not None else ElasticNet()
    base = Problem.build(X, y, loss)
    teacher = ProxNewton(base, penalty, seed)
    teacher.learn(torch.arange(base.n_features, device=base.device)[(solution.coef != 0).any(1).to(base.device)])
    limits, count, worst = Limits.of(tol, SolveOptions()), torch.zeros_like(solution.coef, dtype=torch.float64), 0.0
    generator = numpy_generator(seed, "bootstrap")
    watcher = progress or Silent()
    watcher.start("bootstrap refits", refits)
    for _ in range(refits):
        problem = _redrawn(base, generator)
        solver = teacher.taught(problem)
        refit = solve(problem, penalty, solution.lambda_, solver, limits, (solution.coef, solution.intercept))
        count += (refit.coef != 0).cpu()
        worst = max(worst, refit.gap)
        watcher.advance()
    watcher.finish()
    return Stability(count / refits, refits, worst, solution.lambda_)


def _redrawn(base: Problem, generator: Any) -> Problem:
    """The same rows with bootstrap counts as weights; Z is shared."""
    n = len(base.targets)
    for _ in range(100):
        weight = torch.from_numpy(generator.multinomial(n, [1 / n] * n)).double().to(base.device)
        total = weight @ base.targets
        present = (total > 0) & ((total < n) | (base.loss.name == "gaussian"))
        if bool(present.all()) or base.loss.name == "gaussian":
            design = base.design.reweighted(weight)
            return Problem(design, base.targets, weight, base.offset, base.loss, base.scaler, base.intercept)
    raise SettingError("a class is so rare that bootstrap draws keep losing it", fix="merge or drop this class")
