"""How often every weight is kept when the rows are drawn again: bootstrap selection frequencies at one λ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import numpy_generator
from clearhead.glm.lockstep import Lockstep, at_once
from clearhead.glm.losses import Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.solution import Solution
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers.prox_newton import ProxNewton
from clearhead.glm.targets import Labels

__all__ = ["Stability", "selection_frequency"]


NEAR = 0.7  # share of the threshold from which a feature is expected to enter some refit


@dataclass(frozen=True, eq=False)
class Stability:
    """``frequency`` (p, k): share of the ``refits`` in which the weight is not zero; the largest ``gap`` of any.

    ``reads``: passes over the rows that all refits took together; ``steps``: the outer iterations they took, summed.
    """

    frequency: Tensor
    refits: int
    gap: float
    lambda_: float
    reads: float
    steps: int


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

    The refits run in lockstep: one read of the rows serves all of them, as many at a time as memory allows. Features
    keep the scale of all rows. The Gram matrix of all rows models every refit's Hessian (its secant memory learns the
    difference), and each refit is certified on its own weights. Draws that lose a class are drawn again.

    >>> import torch
    >>> from clearhead.glm import fit
    >>> X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]] * 5)
    >>> y = torch.tensor([0, 1, 0, 1] * 5)
    >>> selection_frequency(X, y, fit(X, y, lambda_=0.1), refits=10).frequency[0].tolist()
    [1.0, 1.0]
    """
    if refits < 1:
        raise SettingError("refits must be at least 1", got=refits)
    loss = loss if loss is not None else Multinomial()
    penalty = penalty if penalty is not None else ElasticNet()
    base = Problem.build(X, y, loss)
    together, teacher = Lockstep(base.design), ProxNewton(base, penalty, seed)
    teacher.learn(_expected(base, penalty, solution))
    limits, generator = Limits.of(tol, SolveOptions()), numpy_generator(seed, "bootstrap")
    watcher = progress or Silent()
    watcher.start("bootstrap refits", refits)

    def refit(problem: Problem) -> Callable[[], Solution]:
        solver = teacher.taught(problem)

        def job() -> Solution:
            start = (solution.coef, solution.intercept)
            again = solve(problem, penalty, solution.lambda_, solver, limits, start)
            watcher.advance()
            return again

        return job

    count, worst, steps = torch.zeros_like(solution.coef, dtype=torch.float64, device="cpu"), 0.0, 0
    size = at_once(base.design, base.n_outputs)
    for first in range(0, refits, size):
        problems = [_redrawn(base, together, generator) for _ in range(min(size, refits - first))]
        for again in together.run([refit(problem) for problem in problems], base.n_outputs):
            count += (again.coef != 0).cpu()
            worst, steps = max(worst, again.gap), steps + again.n_iter
    watcher.finish()
    return Stability(count / refits, refits, worst, solution.lambda_, together.reads + base.design.reads, steps)


def _expected(base: Problem, penalty: Penalty, solution: Solution) -> Tensor:
    """The features in use and those near their threshold, which redrawn rows may let in."""
    coef = solution.coef.to(base.device, base.dtype)
    slope = base.slope(base.fit(base.logits(coef), solution.intercept).theta)
    near = penalty.excess(slope, NEAR * solution.lambda_)[0] > 0
    return ((coef != 0).any(1) | near.any(1)).nonzero().flatten()


def _redrawn(base: Problem, together: Lockstep, generator: Any) -> Problem:
    """The same rows with bootstrap counts as weights; Z is shared."""
    n = len(base.targets)
    for _ in range(100):
        weight = torch.from_numpy(generator.multinomial(n, [1 / n] * n)).double().to(base.device)
        total = base.targets.weighted(weight) if isinstance(base.targets, Labels) else weight @ base.targets
        if base.loss.name == "gaussian" or bool(((total > 0) & (total < n)).all()):
            design = together.design(weight)
            common = (base.targets, weight, base.offset, base.loss, base.scaler, base.intercept)
            return Problem(design, *common, base.blockwise)
    raise SettingError("a class is so rare that bootstrap draws keep losing it", fix="merge or drop this class")
