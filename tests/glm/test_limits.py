"""A λ that cannot converge says so with an honest gap, and the path goes on or stops as asked."""

from __future__ import annotations

import math

import pytest
import torch
from tests.glm.members import data

from clearhead.core.errors import NotConvergedError
from clearhead.glm import Binomial, ElasticNet, SolveOptions, Status, fit, fit_path


def test_the_time_limit_keeps_what_was_reached() -> None:
    X, scores = data(n=400, p=60)
    options = SolveOptions(time_limit=1e-6, max_iter=10**6)
    path = fit_path(X, scores.argmax(1), lambdas=[0.05, 0.01], tol=1e-12, options=options)
    assert path.stopped == "the time limit came first"
    assert [s.status for s in path] == [Status.TimeLimit]
    best = fit(X, scores.argmax(1), lambda_=0.05, tol=1e-10)
    assert 1e-12 < path[0].objective - best.objective <= path[0].gap * path[0].null_loss


def test_a_path_goes_on_after_a_failure_or_stops_if_asked() -> None:
    X, scores = data()
    tight = {"n_lambdas": 6, "lambda_min_ratio": 0.01, "tol": 1e-13}
    whole = fit_path(X, scores.argmax(1), options=SolveOptions(max_iter=1), **tight)  # type: ignore[arg-type]
    assert len(whole) == 6
    assert whole[1].status is Status.IterationLimit
    short = fit_path(X, scores.argmax(1), options=SolveOptions(max_iter=1, stop_on_failure=True), **tight)  # type: ignore[arg-type]
    assert len(short) == 2
    best = fit_path(X, scores.argmax(1), lambdas=whole.lambdas.tolist(), tol=1e-10)
    for s, optimum in zip(whole, best, strict=True):
        assert -1e-9 <= s.objective - optimum.objective <= (s.gap + 1e-10) * s.null_loss


@pytest.mark.parametrize("loss", [None, Binomial()], ids=["multinomial", "binomial"])
def test_separable_classes_at_a_tiny_lambda(loss: Binomial | None) -> None:
    X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.1, 0.9], [1.0, 0.2]], dtype=torch.float64)
    options = SolveOptions(max_iter=40)
    path = fit_path(X, torch.tensor([0, 1, 0, 1]), loss=loss, lambdas=[0.1, 1e-9], tol=1e-14, options=options)
    assert len(path) == 2
    for s in path:
        assert s.status.ok or s.gap > 1e-14
        assert 0 <= s.objective < s.null_loss
        assert bool(torch.isfinite(s.coef).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_features_beyond_the_range_of_their_type(dtype: torch.dtype) -> None:
    """Raw features whose squares overflow are solved or end in a failure with finite weights."""
    X, scores = data()
    huge = X * (1e160 if dtype is torch.float64 else 1e30)
    path = fit_path(huge.to(dtype), scores.argmax(1), n_lambdas=3, standardize=False)
    for s in path:
        assert s.status.ok == (s.gap <= 1e-4), s
        assert bool(torch.isfinite(s.coef).all())
        assert math.isfinite(s.objective)


def test_throw_says_what_to_do() -> None:
    X, scores = data()
    with pytest.raises(NotConvergedError, match="max_iter"):
        fit(X, scores.argmax(1), lambda_=1e-3, tol=1e-13, throw=True, options=SolveOptions(max_iter=1))


def test_the_saga_rules_have_their_own_names() -> None:
    X, scores = data()
    s = fit(X, scores.argmax(1), lambda_=0.02, penalty=ElasticNet(0.9), solver="saga", tol=1e-7)
    assert s.status is Status.Converged
    assert {"gradient_stop_epoch", "lookbehind_stop_epoch"} <= set(s.info)
