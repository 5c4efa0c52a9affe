"""Many labels share reads of X and are otherwise fitted each by itself."""

from __future__ import annotations

import pytest
import torch
from tests.glm.members import data

from clearhead.core.errors import SettingError
from clearhead.glm import Binomial, ElasticNet, Gaussian, SolveOptions, fit_path
from clearhead.glm.lockstep import Lockstep
from clearhead.glm.losses import Loss
from clearhead.glm.many import fit_paths
from clearhead.glm.problem import Problem

SETTINGS = {"penalty": ElasticNet(0.9), "n_lambdas": 8, "lambda_min_ratio": 0.02}


@pytest.mark.parametrize("loss", [Binomial(), Gaussian()], ids=lambda loss: loss.name)
def test_equal_to_separate_fits(loss: Loss) -> None:
    X, scores = data(n=90, k=5)
    X = X[:, :-1]
    Y = (scores > scores.quantile(0.7, 0)).double() if loss.name == "binomial" else scores
    weight = torch.linspace(0.5, 2, len(X))
    paths = fit_paths(X, Y, loss=loss, tol=1e-12, sample_weight=weight, **SETTINGS)  # type: ignore[arg-type]
    assert len({path[0].lambda_ for path in paths}) == 5
    shared = sum(s.info["reads"] for path in paths for s in path)
    apart = 0.0
    for c, path in enumerate(paths):
        alone = fit_path(X, Y[:, c], loss=loss, tol=1e-12, sample_weight=weight, **SETTINGS)  # type: ignore[arg-type]
        assert torch.allclose(path.lambdas, alone.lambdas, rtol=1e-12)
        assert torch.allclose(path.coef, alone.coef, atol=1e-6)
        assert torch.equal(path.coef != 0, alone.coef != 0)
        assert path.worst_gap <= 1e-10
        apart += sum(s.info["reads"] for s in alone)
    assert shared < 0.5 * apart


def test_each_label_resumes_and_stops_by_itself() -> None:
    X, scores = data(n=90)
    Y = (scores > 0).long()
    whole = fit_paths(X, Y, tol=1e-8, **SETTINGS)  # type: ignore[arg-type]
    each = [
        SolveOptions(resume=list(whole[0][:3])),
        SolveOptions(callback=lambda index, solution: index == 2),
        SolveOptions(),
    ]
    again = fit_paths(X, Y, tol=1e-8, options=each, **SETTINGS)  # type: ignore[arg-type]
    assert [len(path) for path in again] == [8, 3, 8]
    assert again[0][2] is whole[0][2]
    assert again[1].stopped
    assert torch.allclose(again[0].coef, whole[0].coef, atol=1e-4)


def test_what_cannot_be_shared_is_refused() -> None:
    X, scores = data()
    Y = (scores > 0).long()
    with pytest.raises(SettingError, match="class weights"):
        fit_paths(X, Y, options=SolveOptions(class_weight="balanced"))
    with pytest.raises(SettingError, match="one entry a label"):
        fit_paths(X, Y, options=[SolveOptions()])


def test_an_error_in_one_solve_ends_the_others() -> None:
    X, scores = data()
    together = Lockstep(Problem.build(X, scores.argmax(1), Gaussian()).design)
    ones = torch.ones(len(X))

    def asks() -> None:
        for _ in range(100):
            together.design(ones).times(torch.ones(X.shape[1], 1))

    def fails() -> None:
        together.design(ones).times(torch.ones(X.shape[1], 1))
        raise ZeroDivisionError("in one solve")

    with pytest.raises(ZeroDivisionError):
        together.run([asks, fails, asks], 1)
    assert together.reads < 5
