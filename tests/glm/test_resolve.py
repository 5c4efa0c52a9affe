"""The chosen head solved again, and zeros that no optimum contradicts."""

from __future__ import annotations

import pytest
import torch
from tests.glm.members import LOSSES, PENALTIES, data

from clearhead.core.seeds import torch_generator
from clearhead.glm import ElasticNet, Multinomial, Status, fit, fit_path, select
from clearhead.glm.certificate import certify
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.resolve import resolve, safe_zeros
from clearhead.glm.select import information_criterion


@pytest.mark.parametrize("penalty", [p for p in PENALTIES.values() if p.l1_ratio > 0], ids=lambda p: repr(p)[:40])
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_a_proven_zero_is_zero_at_the_optimum(loss: Loss, target, penalty: Penalty) -> None:  # type: ignore[no-untyped-def]
    X, scores = data()
    X = X[:, :-1]
    problem = Problem.build(X, target(scores), loss)
    lambda_ = 0.3 * penalty.lambda_max(problem.null[2])
    best = fit(X, target(scores), loss=loss, penalty=penalty, lambda_=lambda_, tol=1e-12)
    counts = []
    for size in (0.3, 1e-2, 1e-4, 1e-6):
        noise = torch.randn(best.coef.shape, generator=torch_generator(0, "zeros"), dtype=torch.float64)
        coef = best.coef + size * noise
        coef = coef.clamp(min=0) if penalty.nonnegative else coef
        point = certify(problem, penalty, lambda_, coef, problem.logits(coef), best.intercept)
        proven = safe_zeros(problem, penalty, lambda_, point)
        assert bool((best.coef[proven] == 0).all())
        counts.append(int(proven.sum()))
    assert counts == sorted(counts)  # the closer the point, the more is proven
    assert counts[-1] > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_the_chosen_head_is_solved_to_1e_8(dtype: torch.dtype) -> None:
    X, scores = data()
    X, y = X[:, :-1].to(dtype), scores.argmax(1)
    loose = fit(X, y, lambda_=0.05, tol=1e-3)
    again = resolve(X, y, loose)
    assert again.status is Status.Converged
    assert again.gap <= 1e-8
    assert again.objective <= loose.objective + 1e-7
    zeros = again.coef.numel() - again.nonzeros
    assert 0 < again.info["certified_zeros"] <= zeros


def test_data_too_large_for_float64_says_what_it_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    X, scores = data()
    X, y = X.float(), scores.argmax(1)
    monkeypatch.setattr("clearhead.glm.resolve.EXACT", 10)
    again = resolve(X, y, fit(X, y, lambda_=0.05))
    assert again.status is Status.PrecisionLimit
    assert 1e-8 < again.gap < 1e-4


@pytest.mark.parametrize("rule", ["bic", "ebic"])
def test_information_criteria_choose_by_training_rows(rule: str) -> None:
    X, scores = data(n=120)
    y = scores.argmax(1)
    path = fit_path(X, y, loss=Multinomial(), penalty=ElasticNet(0.9), n_lambdas=12, lambda_min_ratio=0.01)
    chosen = select(path, X, y, rule=rule)
    values = information_criterion(path, 120, gamma=0.0 if rule == "bic" else 0.5)
    assert chosen.index == min(range(len(values)), key=values.__getitem__)
    assert chosen.index > 0
