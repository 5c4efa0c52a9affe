"""The last digits of a fit: the optimum itself where weights in use are few."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from tests.glm.members import LOSSES, data

from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial, SolveOptions, Status, fit
from clearhead.glm.certificate import certify
from clearhead.glm.designs import SparseDesign
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty
from clearhead.glm.polish import polish
from clearhead.glm.problem import Problem

LAST_DIGIT = SolveOptions(polish=True)
PENALTIES = [
    ElasticNet(0.9),
    ElasticNet(0.5, factors=(0.0, *[1.0] * 4, float("inf"), *[2.0] * 3)),
    ElasticNet(0.9, nonnegative=True),
    ElasticNet(0.0),
]


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: repr(p)[:40])
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_a_loose_fit_ends_where_a_tight_one_does(loss: Loss, target, penalty: Penalty) -> None:  # type: ignore[no-untyped-def]
    X, scores = data()
    X = X[:, :9]
    kept = {"loss": loss, "penalty": penalty, "lambda_": 0.02}
    loose = fit(X, target(scores), tol=1e-2, options=LAST_DIGIT, **kept)
    tight = fit(X, target(scores), tol=1e-13, **kept)
    assert torch.equal(loose.coef != 0, tight.coef != 0)
    if penalty.factors and loss.shift_invariant:  # unpenalised weights are known up to a common shift
        for solution in (loose, tight):
            solution.coef[0] -= solution.coef[0].mean()
    torch.testing.assert_close(loose.coef, tight.coef, rtol=1e-5, atol=1e-6)
    assert loose.kkt <= 1e-13
    assert loose.status in (Status.Converged, Status.Uncertified)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("loss", [Multinomial(3), Gaussian(), Binomial()], ids=lambda loss: loss.name)
@pytest.mark.parametrize("seed", range(4))
def test_weights_are_repeated_rows_to_eleven_digits(loss: Loss, kind: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    X, labels, times = draw.random((15, 30)), np.arange(15) % 3, draw.integers(0, 5, 15)
    y = (
        labels.astype(float)
        if loss.name == "gaussian"
        else np.minimum(labels, 1)
        if loss.name == "binomial"
        else labels
    )
    times[:3] = 1  # every class occurs
    rows = [X, X.repeat(times, 0)]
    if kind == "sparse":
        rows = [importlib.import_module("scipy.sparse").csr_array(r) for r in rows]
    kept = {"loss": loss, "lambda_": 0.02, "tol": 1e-5, "options": LAST_DIGIT}
    weighted = fit(rows[0], y, sample_weight=times.astype(float), **kept)
    repeated = fit(rows[1], y.repeat(times), **kept)
    torch.testing.assert_close(weighted.coef, repeated.coef, rtol=1e-9, atol=1e-11)


def test_what_it_is_not_for_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    X, scores = data()
    y = scores.argmax(1)
    for penalty in (GroupElasticNet(0.9), ElasticNet(0.9)):
        plain = fit(X, y, penalty=penalty, lambda_=0.02, tol=1e-3)
        if not penalty.grouped:
            monkeypatch.setattr("clearhead.glm.polish.MULTIPLY_ADDS", 1)
        again = fit(X, y, penalty=penalty, lambda_=0.02, tol=1e-3, options=LAST_DIGIT)
        torch.testing.assert_close(plain.coef, again.coef, rtol=1e-9, atol=1e-12)
        assert again.kkt > 1e-9


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_as_given_with_an_offset_and_weights(loss: Loss, target, intercept: bool) -> None:  # type: ignore[no-untyped-def]
    """Features of scales 1e4 apart that are not centred, rows without weight."""
    X, scores = data()
    X = 1.0 + X[:, :9] * torch.logspace(-2, 2, 9)
    y = target(scores)
    generator = torch.Generator().manual_seed(3)
    shape = (len(X),) if y.ndim == 1 and loss.name != "multinomial" else (len(X), 3)
    offset = 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.randint(0, 3, (len(X),), generator=generator).double()
    options = SolveOptions(polish=True, intercept=intercept, offset=offset, max_iter=3000)
    kept = {"loss": loss, "lambda_": 0.05, "standardize": False, "sample_weight": weight}
    solution = fit(X, y, tol=1e-4, options=options, **kept)
    assert solution.kkt <= 1e-12
    assert solution.gap <= 1e-10


def test_a_limit_that_came_first_is_not_reported_once_the_optimum_is_reached() -> None:
    X, scores = data()
    statuses = [
        fit(X[:, :9], scores.argmax(1), lambda_=0.02, tol=1e-9, options=SolveOptions(polish=polish, max_iter=3)).status
        for polish in (False, True)
    ]
    assert statuses == [Status.IterationLimit, Status.Converged]


def test_rows_come_in_blocks_and_only_with_the_features_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    X, scores = data()
    rows, seen, forms = SparseDesign.rows, [], importlib.import_module("scipy.sparse")
    monkeypatch.setattr("clearhead.glm.polish.WRITTEN", 500)
    monkeypatch.setattr(SparseDesign, "rows", lambda self, index: seen.append(rows(self, index)) or seen[-1])
    kept = {"lambda_": 0.1, "tol": 1e-3}
    whole = fit(X, scores.argmax(1), options=LAST_DIGIT, **kept)
    assert not seen
    wide = forms.csr_array(np.hstack([X.numpy(), np.zeros((len(X), 400))]))
    parts = fit(wide, scores.argmax(1), options=LAST_DIGIT, **kept)
    assert len(seen) > 1
    assert max(block.numel() for block in seen) <= 500
    torch.testing.assert_close(parts.coef[: X.shape[1]], whole.coef, rtol=1e-8, atol=1e-10)


def test_the_deadline_ends_it() -> None:
    X, scores = data()
    problem, penalty = Problem.build(X, scores.argmax(1), Multinomial()), ElasticNet(0.9)
    loose = fit(X, scores.argmax(1), penalty=penalty, lambda_=0.05, tol=1e-3)
    point = certify(problem, penalty, 0.05, loose.coef, problem.logits(loose.coef), loose.intercept)
    assert polish(problem, penalty, 0.05, point, deadline=0.0) is point
    assert polish(problem, penalty, 0.05, point).kkt < 1e-6 * point.kkt


def test_values_beyond_the_range_of_their_type_raise_nothing() -> None:
    X, scores = data()
    solution = fit(1e160 * X, scores[:, 0], loss=Gaussian(), lambda_=1.0, standardize=False, options=LAST_DIGIT)
    assert not solution.status.ok


def test_features_that_say_the_same_share_a_weight_no_worse_than_before() -> None:
    """The Hessian is singular: the lasso has many optima, and one of them is reached."""
    X, scores = data()
    X = torch.cat([X[:, :4], X[:, :4]], 1)
    kept = {"penalty": ElasticNet(1.0), "lambda_": 0.02, "tol": 1e-4}
    solution = fit(X, scores.argmax(1), options=LAST_DIGIT, **kept)
    assert solution.kkt <= 1e-13
    assert solution.objective <= fit(X, scores.argmax(1), **kept).objective


def test_in_float32_it_ends_at_rounding() -> None:
    X, scores = data()
    kept = {"lambda_": 0.02, "tol": 1e-3}
    plain = fit(X.float(), scores.argmax(1), **kept)
    again = fit(X.float(), scores.argmax(1), options=LAST_DIGIT, **kept)
    assert again.kkt < 1e-6 < plain.kkt
