"""Losses × penalties × solvers × precisions on data that break solvers: one optimum, certified by each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.glm.members import LOSSES, PENALTIES, data
from torch import Tensor
from torch.nn.functional import one_hot

from clearhead.glm import Status, fit_path
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty

Kind = Callable[[], tuple[Tensor, Tensor]]


def more_features_than_rows() -> tuple[Tensor, Tensor]:
    X, scores = data(n=18, p=40)
    return X, _all_occur(scores.argmax(1))


def duplicated_and_constant() -> tuple[Tensor, Tensor]:
    X, scores = data(n=50, p=9)
    return torch.cat([X, X[:, :3], -X[:, :1], torch.zeros(50, 1)], 1), scores.argmax(1)


def separable() -> tuple[Tensor, Tensor]:
    X, _ = data(n=40, p=8)
    return X, _all_occur((X[:, :3] - X[:, :3].mean(0)).argmax(1))


def one_row_of_a_class() -> tuple[Tensor, Tensor]:
    X, scores = data(n=40, p=8)
    y = scores[:, :2].argmax(1)
    y[11] = 2
    return X, y


def unbalanced() -> tuple[Tensor, Tensor]:
    X, scores = data(n=60, p=8)
    y = torch.zeros(60, dtype=torch.int64)
    y[scores[:, 1].topk(3).indices] = 1
    y[scores[:, 2].topk(2).indices] = 2
    return X, y


def _all_occur(y: Tensor) -> Tensor:
    y[:3] = torch.arange(3)
    return y


KINDS: tuple[Kind, ...] = (more_features_than_rows, duplicated_and_constant, separable, one_row_of_a_class, unbalanced)
TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "multinomial": lambda y: y,
    "binomial": lambda y: (y == 2).long(),
    "responses": lambda y: one_hot(y, 3).double(),
}


# Each solver in the precision and to the gap that it reaches in little time.
NEWTON = (("prox_newton", torch.float64, 1e-6), ("prox_newton", torch.float32, 1e-5))
FIRST_ORDER = (("fista", torch.float64, 1e-3), ("saga", torch.float64, 1e-2))
LASSO = 3e-3  # in float32: a lasso's dual point must lie inside the ball, which single precision resolves less


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("family", TARGETS)
def test_solvers_and_precisions_agree(family: str, penalty: Penalty, kind: Kind, device: str) -> None:
    """The first-order solvers, which need thousands of steps here, on one penalty; `test_grid` has them on all."""
    loss: Loss = LOSSES[family][0]
    X, y = kind()
    target = TARGETS[family](y)
    top = fit_path(X, target, loss=loss, penalty=penalty, n_lambdas=1)[0].lambda_
    common = {"loss": loss, "penalty": penalty, "lambdas": [0.3 * top, 0.1 * top], "device": device}
    # An unbalanced lasso's dual point stalls between 1e-9 and 3e-8 at small λ.
    best = fit_path(X, target, tol=1e-7 if penalty.l1_ratio == 1 else 1e-8, **common)  # type: ignore[arg-type]
    assert all(s.status is Status.Converged for s in best), best
    for solver, dtype, reached in NEWTON + (FIRST_ORDER if penalty is PENALTIES["elastic net"] else ()):
        single = dtype is torch.float32
        tol = LASSO if single and penalty.l1_ratio == 1 else reached
        path = fit_path(X.to(dtype), target, tol=tol, solver=solver, **common)  # type: ignore[arg-type]
        assert all(s.status is Status.Converged for s in path), (solver, dtype, path)
        rounded = 2e-5 if single else 1e-8  # float32 features are other data
        for ours, reference in zip(path, best, strict=True):
            unit = reference.null_loss
            low, high = -(rounded + reference.gap) * unit, (tol + rounded) * unit
            assert low <= ours.objective - reference.objective <= high, solver
            assert 0 <= ours.gap <= tol
            assert bool(torch.isfinite(ours.coef).all())
