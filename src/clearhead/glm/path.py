"""The regularisation path and the fit at one λ: what users call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clearhead.core.errors import SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.glm.losses import Loss
from clearhead.glm.options import SolveOptions
from clearhead.glm.path_fit import PathFit, given_lambdas, lambda_grid
from clearhead.glm.penalties import Penalty
from clearhead.glm.solution import RegularizationPath, Solution

__all__ = ["fit", "fit_path", "lambda_grid"]


def fit_path(
    X: Any,
    y: Any,
    *,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    n_lambdas: int = 100,
    lambda_min_ratio: float = 1e-3,
    lambdas: Sequence[float] | None = None,
    tol: float = 1e-4,
    sample_weight: Any = None,
    standardize: bool = True,
    solver: str = "auto",
    device: Any = None,
    seed: int = 0,
    progress: Progress | None = None,
    options: SolveOptions | None = None,
) -> RegularizationPath:
    """Fit heads from the emptiest to the densest, each certified (paper, section A).

    Parameters
    ----------
    X : (n, p) features: tensor, array, data frame or `Rows`; float64 is solved in float64, the rest in float32. Under
        torchrun (inside `core.distributed.group`) X, y and weights are this rank's rows; the path is that of all rows.
    y : targets as the loss takes them: labels (n,), soft targets (n, k), {0, 1} (n, m), or floats.
    loss, penalty : default `Multinomial()` and `ElasticNet(l1_ratio=0.99)`.
    n_lambdas, lambda_min_ratio, lambdas : the grid of eq. 5, or explicit λ's (any order; solved from the largest).
    tol : largest duality gap allowed, relative to the null model's loss.
    sample_weight : (n,) weights ≥ 0.
    standardize : subtract the mean and divide by the 1/n deviation of these rows.
    solver : "auto", "prox_newton", "saga" or "fista".

    Raises
    ------
    DataError, SettingError : what cannot be fitted, with what to do. A λ that does not converge is recorded.

    Examples
    --------
    >>> import torch
    >>> X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]])
    >>> path = fit_path(X, torch.tensor([0, 1, 0, 1]), n_lambdas=5)
    >>> path[0].nonzeros, all(s.status.ok for s in path)
    (0, True)
    """
    options = options or SolveOptions()
    run = PathFit.prepare(X, y, loss, penalty, tol, sample_weight, standardize, solver, device, seed, options)
    grid = given_lambdas(lambdas) if lambdas is not None else lambda_grid(run.lambda_max(), n_lambdas, lambda_min_ratio)
    return run.path(grid, progress or Silent())


def fit(
    X: Any,
    y: Any,
    *,
    lambda_: float | None = None,
    features_per_class: float | None = None,
    throw: bool = False,
    tol: float = 1e-4,
    lambda_min_ratio: float = 1e-3,
    **keywords: Any,
) -> Solution:
    """Fit one head: at ``lambda_``, or at the smallest λ found with at most ``features_per_class`` weights a class.

    The other keywords are those of `fit_path`. ``throw=True`` raises `NotConvergedError` if the gap exceeds ``tol``.

    >>> import torch
    >>> X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]])
    >>> fit(X, torch.tensor([0, 1, 0, 1]), features_per_class=1).features_per_class
    1.0
    """
    if (lambda_ is None) == (features_per_class is None):
        raise SettingError("fit needs lambda_ or features_per_class, one of them")
    options = keywords.pop("options", None) or SolveOptions()
    names = ("loss", "penalty", "sample_weight", "standardize", "solver", "device", "seed")
    unknown = set(keywords) - set(names)
    if unknown:
        raise SettingError("unknown keyword", got=", ".join(sorted(unknown)), expected=", ".join(names))
    defaults = {"loss": None, "penalty": None, "sample_weight": None, "standardize": True, "solver": "auto"}
    chosen = {**defaults, "device": None, "seed": 0, **keywords}
    run = PathFit.prepare(X, y, chosen.pop("loss"), chosen.pop("penalty"), tol, options=options, **chosen)
    if lambda_ is not None:
        solution = run.towards(given_lambdas([lambda_])[0])
    else:
        assert features_per_class is not None
        solution = run.sparsity(features_per_class, lambda_min_ratio)
    return solution.raise_if_failed() if throw else solution
