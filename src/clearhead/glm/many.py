"""Many labels at once: one path a label, each with its own λ_max, line search and end; all share the reads of X."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.progress import Silent
from clearhead.glm.lockstep import Lockstep, at_once
from clearhead.glm.losses import Binomial, Loss
from clearhead.glm.options import SolveOptions
from clearhead.glm.path_fit import PathFit, given_lambdas, lambda_grid
from clearhead.glm.penalties import ElasticNet, Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.room import WHOLE_GRAM
from clearhead.glm.solution import RegularizationPath
from clearhead.glm.solvers import make_solver
from clearhead.glm.solvers.prox_newton import ProxNewton

__all__ = ["fit_paths"]


def fit_paths(
    X: Any,
    Y: Any,
    *,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    n_lambdas: int = 100,
    lambda_min_ratio: float = 1e-3,
    lambdas: Sequence[Sequence[float] | None] | None = None,
    tol: float = 1e-4,
    sample_weight: Any = None,
    standardize: bool = True,
    solver: str = "auto",
    device: Any = None,
    seed: int = 0,
    options: Sequence[SolveOptions] | SolveOptions | None = None,
) -> list[RegularizationPath]:
    """The paths of `fit_path` for every column of Y by itself, in lockstep: one pass over X serves all labels.

    Parameters
    ----------
    X, penalty, tol, … : as `fit_path`; features are standardised once, by all rows.
    Y : (n, m) targets; ``loss`` (default `Binomial()`) is that of one column.
    lambdas : for every label its λ's, or None for its own grid of eq. 5.
    options : of all labels, or one `SolveOptions` a label (callback, resume); data and memory options (offset,
        class_weight, intercept, memory) are shared, and class weights, which would differ by label, are refused.

    Examples
    --------
    >>> import torch
    >>> X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]])
    >>> [len(path) for path in fit_paths(X, torch.tensor([[0, 1], [1, 0], [0, 1], [1, 1]]), n_lambdas=5)]
    [5, 5]
    """
    loss, penalty = loss if loss is not None else Binomial(), penalty if penalty is not None else ElasticNet()
    shared = options if isinstance(options, SolveOptions) else (options[0] if options else SolveOptions())
    if shared.class_weight is not None:
        raise SettingError("class weights differ from label to label", fix="fit the labels one by one with fit_path")
    whole = Problem.build(
        X, Y, loss, sample_weight=sample_weight, standardize=standardize, device=device, options=shared
    )
    m = whole.n_outputs
    each = list(options) if isinstance(options, Sequence) else [shared] * m
    grids = list(lambdas) if lambdas is not None else [None] * m
    if len(each) != m or len(grids) != m:
        raise SettingError("options and lambdas need one entry a label", got=f"{len(each)}, {len(grids)}", expected=m)
    if not tol > 0:
        raise SettingError("tol must be positive", got=tol)
    penalty.weights(whole.n_features, whole.weight)
    together, kind = Lockstep(whole.design), make_solver(solver)
    teacher = ProxNewton(whole, penalty, seed)
    if kind is ProxNewton and whole.n_features <= WHOLE_GRAM:
        teacher.learn(teacher.features)

    def job(c: int) -> Callable[[], RegularizationPath]:
        def run() -> RegularizationPath:
            problem = _column(whole, c, together)
            chosen = teacher.taught(problem) if kind is ProxNewton else kind(problem, penalty, seed)
            path, given = PathFit(problem, penalty, chosen, tol, each[c]), grids[c]
            grid = given_lambdas(given) if given else lambda_grid(path.lambda_max(), n_lambdas, lambda_min_ratio)
            return path.path(grid, Silent())

        return run

    paths: list[RegularizationPath] = []
    size = at_once(whole.design, 1)
    for first in range(0, m, size):
        paths += together.run([job(c) for c in range(first, min(first + size, m))], 1)
    return paths


def _column(whole: Problem, c: int, together: Lockstep) -> Problem:
    """The problem of one label on the shared rows."""
    only: Tensor | None = None if whole.offset is None else whole.offset[:, c : c + 1]
    assert isinstance(whole.targets, Tensor)
    design, targets = together.design(whole.weight), whole.targets[:, c : c + 1]
    return Problem(design, targets, whole.weight, only, whole.loss, whole.scaler, whole.intercept)
