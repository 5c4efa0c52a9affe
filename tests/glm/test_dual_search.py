"""Searched dual points: below the optimum wherever they start, worth their price near it, and what they are made of."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clearhead.glm import Binomial, ElasticNet, GroupElasticNet, Multinomial, fit, fit_path
from clearhead.glm import dual_search as searches
from clearhead.glm.certificate import Point, certify
from clearhead.glm.curved_rows import CurvedRows
from clearhead.glm.directions import Directions
from clearhead.glm.dual_search import DualSearch
from clearhead.glm.options import SolveOptions
from clearhead.glm.output_blocks import Draft, probabilities
from clearhead.glm.problem import Problem

PENALTIES = {
    "elastic net": ElasticNet(0.9),
    "mostly ridge": ElasticNet(0.1),
    "ridge": ElasticNet(0.0),
    "factors": ElasticNet(0.9, factors=(1.0, 2.0, 0.5, math.inf, *[1.0] * 8)),
    "nonnegative": ElasticNet(0.9, nonnegative=True),
}


@pytest.fixture(autouse=True)
def _small_problems_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "SMALLEST", 0.0)
    monkeypatch.setattr(searches, "PAUSE", 1)
    monkeypatch.setattr(searches, "SETTLED", math.inf)
    monkeypatch.setattr(searches, "LIFE", math.inf)


@contextmanager
def _unsearched():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DualSearch, "improved", lambda _self, point, *_: point)
        yield


def _data(seed: int, labels: bool, n: int = 80, p: int = 12, k: int = 3):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, p, generator=generator, dtype=torch.float64)
    X += 0.7 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    scores = X @ torch.randn(p, k, generator=generator, dtype=torch.float64)
    scores += 2 * torch.randn(n, k, generator=generator, dtype=torch.float64)
    y = (scores > scores.median(0).values).long() if labels else scores.argmax(1)
    return generator, X, y


def _searched(search: DualSearch, point: Point, lambda_: float, enough: float) -> Point:
    """The point after a search, which is due at the second sight of it."""
    search.improved(point, lambda_, -math.inf, enough)
    return search.improved(point, lambda_, point.dual, enough)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    labels=st.booleans(),
    penalty=st.sampled_from(sorted(PENALTIES)),
    away=st.sampled_from([1e-4, 1e-2, 0.3]),
    plain=st.booleans(),
)
def test_it_bounds_the_optimum_from_points_near_and_far(seed, labels, penalty, away, plain):
    generator, X, y = _data(seed, labels)
    lambda_, rule, loss = 0.02, PENALTIES[penalty], Binomial() if labels else Multinomial()
    weight = None if plain else torch.rand(80, generator=generator, dtype=torch.float64) * (torch.arange(80) % 7 > 0)
    offset = None if plain else torch.randn(80, 3, generator=generator, dtype=torch.float64).numpy()
    options = SolveOptions(offset=offset, intercept=seed % 3 > 0)
    with _unsearched():
        best = fit(X, y, lambda_=lambda_, loss=loss, penalty=rule, tol=1e-11, sample_weight=weight, options=options)
    problem = Problem.build(X, y, loss, sample_weight=weight, options=options)
    noise = away * torch.randn(12, 3, generator=generator, dtype=torch.float64) * (best.coef != 0)
    coef = (best.coef + noise).clamp(min=0) if rule.nonnegative else best.coef + noise
    point = certify(problem, rule, lambda_, coef, problem.logits(coef), best.intercept)
    found = _searched(DualSearch(problem, rule), point, lambda_, 1e-9)
    assert found.dual >= point.dual
    assert found.dual <= best.objective + 1e-9
    if away <= 1e-4 and point.objective - point.dual > 1e-6:
        assert point.objective - found.dual < 0.2 * (point.objective - point.dual)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("labels", [False, True])
def test_intercepts_that_are_left_inexact_are_paid_for(labels, standardize, dtype):
    """A residual whose mean is not zero costs its product with the intercept, large beside shifted features."""
    generator, X, y = _data(1, labels)
    loss, rule, lambda_ = Binomial() if labels else Multinomial(), ElasticNet(0.9), 0.02
    X = (X + (0 if standardize else 20)).to(dtype)
    given = {"loss": loss, "standardize": standardize}
    with _unsearched():
        best = fit(X.double(), y, lambda_=lambda_, penalty=rule, tol=1e-11, **given)
    problem = Problem.build(X, y, **given)
    enough, rounding = 1e-2 * problem.null[1], 1e-9 if dtype is torch.float64 else 2e-6
    coef = best.coef + 1e-4 * torch.randn(12, 3, generator=generator, dtype=torch.float64) * (best.coef != 0)
    logits = problem.logits(coef.to(dtype))
    exact = certify(problem, rule, lambda_, coef.to(dtype), logits, best.intercept).intercept
    for away in torch.eye(3, dtype=torch.float64) - (0 if labels else 1 / 3):
        for shift in (3e-4 * away, -3e-4 * away):
            point = certify(problem, rule, lambda_, coef.to(dtype), logits, exact + shift, enough)
            found = _searched(DualSearch(problem, rule), point, lambda_, 1e-5)
            assert float(point.fit.theta_mean.abs().max()) > 1e-6
            assert max(point.dual, found.dual) <= best.objective + rounding
            assert found.dual > best.objective - 1e-3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_output_without_rows_does_not_spoil_the_others(dtype):
    generator, X, y = _data(2, False, 200, 20, 4)
    weight = (y != 3).double()
    with _unsearched():
        best = fit(X, y, lambda_=0.01, penalty=ElasticNet(0.9), tol=1e-10, sample_weight=weight)
    problem = Problem.build(X.to(dtype), y, Multinomial(), sample_weight=weight)
    coef = (best.coef + 1e-4 * torch.randn(20, 4, generator=generator).double() * (best.coef != 0)).to(dtype)
    point = certify(problem, ElasticNet(0.9), 0.01, coef, problem.logits(coef), best.intercept)
    search = DualSearch(problem, ElasticNet(0.9))
    found = _searched(search, point, 0.01, 1e-9)
    assert search.directions is not None
    assert search.directions.count > 2
    assert point.objective - found.dual < 0.3 * (point.objective - point.dual)
    assert found.dual <= best.objective + (1e-9 if dtype is torch.float64 else 2e-6)


def _curved(labels: bool, monkeypatch: pytest.MonkeyPatch):
    """Curved rows and blocks of all rows and features at some weights, and the Hessian there."""
    for name, value in {"ROWS": 100, "OWN": 1.0, "FLOOR": 1e-13, "LEAST": 1e-13}.items():
        monkeypatch.setattr(f"clearhead.glm.output_blocks.{name}", value)
    generator, X, y = _data(3, labels)
    loss = Binomial() if labels else Multinomial()
    weight = 0.5 + torch.rand(80, generator=generator, dtype=torch.float64)
    problem = Problem.build(X, y, loss, sample_weight=weight)
    coef = 0.3 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    point = certify(problem, ElasticNet(), 0.1, coef, problem.logits(coef), torch.zeros(3, dtype=torch.float64))
    everything = torch.ones(3, 12, dtype=torch.bool)
    blocks = Draft.of(problem, everything, probabilities(problem, point.logits, point.intercept)).built()
    rows = problem.design.all_rows()
    assert rows is not None
    Z, targets = rows.dense(), loss.encode(y, 80)

    def mean_loss(flat: torch.Tensor) -> torch.Tensor:
        logits = Z @ flat[:36].view(3, 12).T + flat[36:]
        return problem.weight @ loss.rows(logits, targets) / 80

    H = torch.autograd.functional.hessian(mean_loss, torch.cat([coef.T.flatten(), point.intercept]))
    return problem, point, blocks, H


@pytest.mark.parametrize("labels", [False, True])
def test_products_are_those_of_the_hessian_without_the_intercept(labels, monkeypatch):
    problem, point, blocks, H = _curved(labels, monkeypatch)
    A = H[:36, :36] - H[:36, 36:] @ torch.linalg.pinv(H[36:, 36:]) @ H[36:, :36]
    U = torch.randn(3, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = CurvedRows.of(problem, point, blocks)
    assert torch.allclose(rows.bent(U).flatten(), A @ U.flatten(), atol=1e-12)
    assert torch.allclose(rows.bent(rows.apart(U)), rows.bent(U), atol=1e-12)


@pytest.mark.parametrize("labels", [False, True])
def test_blocks_are_those_of_the_hessian(labels, monkeypatch):
    _, _, blocks, H = _curved(labels, monkeypatch)
    values = torch.randn(3, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = blocks.solve(values)
    for c in range(3):
        own, b = H[12 * c : 12 * c + 12, 12 * c : 12 * c + 12], H[12 * c : 12 * c + 12, 36 + c]
        block = own - torch.outer(b, b) / H[36 + c, 36 + c]
        assert torch.allclose(block @ found[c], values[c], atol=1e-6)


@pytest.mark.parametrize("labels", [False, True])
def test_what_is_won_is_the_change_of_the_dual_value(labels, monkeypatch):
    problem, point, blocks, _ = _curved(labels, monkeypatch)
    rows, loss = CurvedRows.of(problem, point, blocks), problem.loss
    delta = rows.moved(1e-2 * torch.ones(3, 12, dtype=torch.float64).cumsum(0), torch.zeros(3, dtype=torch.float64))
    targets = problem.arrays.written(slice(None))[:, :3].double()
    theta = loss.residual(point.logits[:, :3] + point.intercept, targets)
    before, after = (problem.weight @ loss.dual_rows(t, targets) / 80 for t in (theta, theta + delta[:, :3]))
    won, mean = rows.gain(delta)
    assert won == pytest.approx(float(after - before), abs=1e-13)
    assert abs(won) > 1e-6
    assert float(mean.abs().max()) < 1e-15


def test_directions_stay_conjugate_under_other_weights():
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(30, 30, generator=generator, dtype=torch.float64)
    A, kept = A @ A.T, Directions(8, 30, torch.float64)
    weights = [torch.rand(30, generator=generator, dtype=torch.float64) for _ in range(2)]
    residual, U = (torch.randn(30, generator=generator, dtype=torch.float64) for _ in range(2))
    tried = torch.randn(8, 30, generator=generator, dtype=torch.float64)
    for weight in weights:
        kept.weigh(weight)
        for d in tried[kept.count : kept.count + 4]:
            assert kept.add(d, A @ d)
        span = tried[: kept.count].T
        N = A @ torch.diag(weight) @ A + A
        best = span @ torch.linalg.solve(span.T @ N @ span, -span.T @ (A @ (weight * residual) + A @ U))
        step, change = kept.steps(residual, U, 0)
        assert torch.allclose(step, best, atol=1e-5)
        assert torch.allclose(change, A @ step, atol=1e-8)
    assert kept.full
    assert not Directions(2, 30, torch.float64).add(torch.zeros(30).double(), torch.zeros(30).double())


@pytest.mark.parametrize("labels", [False, True])
def test_a_path_takes_fewer_steps_and_ends_as_near(labels, monkeypatch):
    monkeypatch.setattr(searches, "PAUSE", 2)
    monkeypatch.setattr(searches, "SETTLED", 0.1)
    _, X, y = _data(7, labels, 400, 60, 4)
    given = {"loss": Binomial() if labels else Multinomial(), "tol": 1e-8, "n_lambdas": 30}
    searched = fit_path(X, y, **given)
    with _unsearched():
        plain = fit_path(X, y, **given)
    assert all(s.status.ok for s in searched)
    assert sum(s.n_iter for s in searched) < 0.9 * sum(s.n_iter for s in plain)
    for one, other in zip(searched, plain, strict=True):
        assert abs(one.objective - other.objective) <= 1e-8 * one.null_loss


def test_it_leaves_other_problems_alone():
    _, X, y = _data(0, False)
    problem = Problem.build(X, y, Multinomial())
    assert DualSearch(problem, ElasticNet())._applies
    assert not DualSearch(problem, GroupElasticNet())._applies
    assert not DualSearch(problem, ElasticNet(1.0))._applies
    assert not DualSearch(problem, ElasticNet(0.9, factors=(0.0, *[1.0] * 11)))._applies
    assert not DualSearch(Problem.build(X, y == 0, Binomial()), ElasticNet())._applies
    assert not DualSearch(replace(problem, spare=0), ElasticNet())._applies
