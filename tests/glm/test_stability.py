"""Bootstrap refits in lockstep are the refits one by one, at a fraction of the reads."""

from __future__ import annotations

import pytest
import torch
from tests.glm.members import data

from clearhead.core.errors import SettingError
from clearhead.core.seeds import numpy_generator
from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial, fit
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.stability import selection_frequency

REFITS = 8
CASES = [
    (Multinomial(), ElasticNet(0.9), lambda Z: Z.argmax(1)),
    (Multinomial(), GroupElasticNet(0.9), lambda Z: Z.argmax(1)),
    (Binomial(), ElasticNet(0.99), lambda Z: (Z[:, 0] > 0).long()),
    (Gaussian(), ElasticNet(0.9), lambda Z: Z[:, 0]),
]


@pytest.mark.parametrize(("loss", "penalty", "target"), CASES, ids=["multinomial", "grouped", "binomial", "gaussian"])
def test_equal_to_refits_one_by_one(loss: Loss, penalty: Penalty, target, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    X, scores = data(n=80)
    X, y = X[:, :-1], target(scores)
    top = penalty.lambda_max(Problem.build(X, y, loss).null[2])
    chosen = fit(X, y, loss=loss, penalty=penalty, lambda_=0.2 * top, tol=1e-8)
    found = selection_frequency(X, y, chosen, loss=loss, penalty=penalty, refits=REFITS, tol=1e-10)
    assert found.gap <= 1e-10

    Z, generator = chosen.standardizer.transform(X), numpy_generator(0, "bootstrap")
    count = torch.zeros_like(chosen.coef)
    for _ in range(REFITS):
        weight = generator.multinomial(len(X), [1 / len(X)] * len(X))
        alone = fit(
            Z,
            y,
            loss=loss,
            penalty=penalty,
            lambda_=chosen.lambda_,
            tol=1e-10,
            sample_weight=weight,
            standardize=False,
        )
        count += alone.coef != 0
    assert torch.equal(found.frequency, count / REFITS)
    assert 0 < float(found.frequency.mean()) < 1

    monkeypatch.setattr("clearhead.glm.stability.at_once", lambda design, outputs: 5)
    parts = selection_frequency(X, y, chosen, loss=loss, penalty=penalty, refits=REFITS, tol=1e-10)
    assert torch.equal(parts.frequency, found.frequency)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_read_serves_all_refits(dtype: torch.dtype) -> None:
    X, scores = data(n=400, p=30)
    X, y = X.to(dtype), scores.argmax(1)
    chosen = fit(X, y, lambda_=0.01, tol=1e-6)
    one, many = (selection_frequency(X, y, chosen, refits=m, tol=1e-4) for m in (1, 40))
    assert many.gap <= 1e-4
    assert many.steps > 40
    # Two reads a step if each refit read for itself; in lockstep as many as the slowest of them takes.
    assert many.reads < 2 * many.steps / 10
    assert many.reads < 4 * one.reads


def test_a_class_that_draws_lose_and_no_refits() -> None:
    X, _ = data(n=40)
    y = torch.zeros(40, dtype=torch.int64)
    y[0] = 1
    chosen = fit(X, y, lambda_=0.01)
    assert selection_frequency(X, y, chosen, refits=4).frequency.shape == chosen.coef.shape
    with pytest.raises(SettingError, match="refits"):
        selection_frequency(X, y, chosen, refits=0)
