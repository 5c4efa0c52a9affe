"""Every loss × penalty × solver × dtype agrees on one objective, certifies it, and starts at an empty model."""

from __future__ import annotations

import pytest
import torch
from tests.glm.members import DTYPES, LOSSES, PENALTIES, SOLVERS, data

from clearhead.glm import ElasticNet, SolveOptions, Status, fit_path
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty

RATIO = 0.05


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_solvers_and_precisions_agree(loss: Loss, target, penalty: Penalty) -> None:  # type: ignore[no-untyped-def]
    X, scores = data()
    y = target(scores)
    best = fit_path(X, y, loss=loss, penalty=penalty, n_lambdas=4, lambda_min_ratio=RATIO, tol=1e-8)
    assert all(s.status is Status.Converged for s in best), best
    # A lasso's dual point must lie inside the ball, which float32 gradients resolve less finely.
    single = 1e-3 if penalty.l1_ratio == 1 else 1e-5
    for solver in SOLVERS:
        for dtype in DTYPES:
            tol = 1e-3 if solver == "saga" else (1e-6 if dtype is torch.float64 else single)
            path = fit_path(
                X.to(dtype), y, loss=loss, penalty=penalty, lambdas=best.lambdas.tolist(), tol=tol, solver=solver
            )
            assert all(s.status is Status.Converged for s in path), (solver, dtype, path)
            for ours, reference in zip(path, best, strict=True):
                unit = reference.null_loss
                assert -1e-6 * unit <= ours.objective - reference.objective <= (tol + 2e-6) * unit
                assert 0 <= ours.gap <= tol


@pytest.mark.parametrize("shape", [(25, 60, 3), (200, 6, 4), (40, 20, 9), (60, 10, 20)])
def test_shapes(shape: tuple[int, int, int]) -> None:
    X, scores = data(*shape)
    y = scores.argmax(1)
    _, y = torch.unique(y, return_inverse=True)
    path = fit_path(X, y, n_lambdas=6, lambda_min_ratio=0.02, tol=1e-8)
    assert all(s.status is Status.Converged for s in path), path
    reference = fit_path(X, y, lambdas=path.lambdas.tolist(), tol=1e-7, solver="fista")
    for a, b in zip(path, reference, strict=True):
        assert abs(a.objective - b.objective) <= 2e-7 * a.null_loss


@pytest.mark.parametrize("penalty", [p for p in PENALTIES.values() if p.l1_ratio > 0], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_lambda_max_is_the_edge_of_the_empty_model(loss: Loss, target, penalty: Penalty) -> None:  # type: ignore[no-untyped-def]
    X, scores = data(seed=5)
    y = target(scores)
    top = fit_path(X, y, loss=loss, penalty=penalty, n_lambdas=1)[0]
    assert top.nonzeros == 0
    below = fit_path(X, y, loss=loss, penalty=penalty, lambdas=[0.99 * top.lambda_], tol=1e-8)[0]
    assert below.nonzeros > 0


def test_unpenalised_and_excluded_features() -> None:
    X, scores = data()
    penalty = ElasticNet(0.9, factors=[0.0, float("inf")] + [1.0] * (X.shape[1] - 2))
    path = fit_path(X, scores.argmax(1), penalty=penalty, n_lambdas=4, lambda_min_ratio=0.1, tol=1e-6)
    assert all(s.status is Status.Uncertified and s.kkt < 1e-5 for s in path)
    assert path[0].features_used == 1
    assert bool((path[0].coef[0] != 0).any())
    assert all(bool((s.coef[1] == 0).all()) for s in path)


def test_offset_that_is_the_answer_leaves_nothing_to_fit() -> None:
    X, scores = data(n=120)
    y = scores.argmax(1)
    whole = fit_path(X, y, lambdas=[0.02], tol=1e-9)[0]
    offset = whole.decision(X)
    path = fit_path(X, y, lambdas=[10.0], tol=1e-9, options=SolveOptions(offset=offset.numpy()))
    assert path[0].nonzeros == 0
    assert path[0].null_loss < whole.null_loss
    assert path[0].status is Status.Converged
    small = fit_path(X, y, lambdas=[0.01], tol=1e-8, options=SolveOptions(offset=offset.numpy()))[0]
    assert small.status is Status.Converged
    assert 0 <= small.gap <= 1e-8


def test_limits_are_honest() -> None:
    X, scores = data()
    options = SolveOptions(max_iter=1)
    path = fit_path(X, scores.argmax(1), n_lambdas=5, tol=1e-12, options=options)
    assert {Status.IterationLimit} >= {s.status for s in path[1:]}
    assert all(s.gap > 1e-12 for s in path[1:])
    stopped = fit_path(
        X, scores.argmax(1), n_lambdas=50, tol=1e-12, options=SolveOptions(max_iter=1, stop_on_failure=True)
    )
    assert len(stopped) < 50
    assert "did not converge" in stopped.stopped


def test_a_tolerance_below_the_precision_says_so() -> None:
    X, scores = data()
    path = fit_path(X.float(), scores.argmax(1), lambdas=[0.02], tol=1e-15, options=SolveOptions(max_iter=300))
    assert path[0].status in (Status.PrecisionLimit, Status.IterationLimit)
    assert path[0].gap < 1e-5


def test_early_stops() -> None:
    X, scores = data()
    y = scores.argmax(1)
    few = fit_path(X, y, n_lambdas=30, options=SolveOptions(stop_features=2))
    assert few[-1].features_per_class > 2 >= few[-2].features_per_class
    assert "features per class" in few.stopped
    assert len(fit_path(X, y, n_lambdas=30, options=SolveOptions(stop_deviance=0.3))) < 30


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_storage_is_the_data(dtype: torch.dtype) -> None:
    X, scores = data()
    y = scores.argmax(1)
    stored = X.to(dtype)
    half = fit_path(stored, y, n_lambdas=4, lambda_min_ratio=0.1, tol=1e-5)
    full = fit_path(stored.double(), y, lambdas=half.lambdas.tolist(), tol=1e-7)
    for a, b in zip(half, full, strict=True):
        assert abs(a.objective - b.objective) <= 1.2e-5 * b.null_loss
