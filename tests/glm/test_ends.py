"""How a path ends: by held-out rows, at λ = 0, by stalling; and exact numbers of features, folds on one grid."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.glm.members import data

from clearhead.core.errors import SettingError
from clearhead.glm import Binomial, ElasticNet, GroupElasticNet, Multinomial, SolveOptions, Status, fit, fit_path
from clearhead.glm.crossval import assign_folds, cross_validate
from clearhead.glm.metrics import score
from clearhead.glm.path_fit import _extrapolated
from clearhead.glm.select import _pruned, accuracy_at, decisions


def test_the_path_stops_when_held_out_rows_gain_no_more() -> None:
    X, scores = data(n=120, p=30)
    y = scores.argmax(1)
    half, rest = slice(0, 60), slice(60, 120)
    whole = fit_path(X[half], y[half], lambda_min_ratio=1e-4, n_lambdas=40, tol=1e-6)
    losses = [-score("log_loss", "multinomial", Z, y[rest]) for Z in decisions(whole, X[rest]).unbind(1)]
    options = SolveOptions(stop_validation=(X[rest], y[rest]), stop_patience=3)
    path = fit_path(X[half], y[half], lambda_min_ratio=1e-4, n_lambdas=40, tol=1e-6, options=options)
    assert "validation loss" in path.stopped
    best = losses.index(min(losses[: len(path)]))
    assert len(path) == best + 4 < 40
    # A path resumed at its best λ remembers what it has seen.
    again = SolveOptions(stop_validation=(X[rest], y[rest]), stop_patience=3, resume=list(path[: best + 3]))
    assert len(fit_path(X[half], y[half], lambda_min_ratio=1e-4, n_lambdas=40, tol=1e-6, options=again)) == len(path)
    with pytest.raises(SettingError, match="stop_patience"):
        SolveOptions(stop_patience=0)


def test_lambda_zero_on_request() -> None:
    X, scores = data(n=200, p=8)
    X = X[:, :5]
    y = (scores[:, 0] + 4 * torch.randn(200, generator=torch.Generator().manual_seed(0)) > 0).long()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = fit_path(X, y, loss=Binomial(), n_lambdas=5, tol=1e-9, options=SolveOptions(zero=True))
    last = path[-1]
    assert (len(path), last.lambda_, last.status) == (6, 0.0, Status.Uncertified)
    Z = X.double()
    coef, intercept = (t.clone().double().requires_grad_(True) for t in last.raw())
    torch.nn.functional.binary_cross_entropy_with_logits((Z @ coef + intercept)[:, 0], y.double()).backward()
    assert coef.grad is not None
    assert float(coef.grad.abs().max()) < 1e-6


@pytest.mark.parametrize("loss", [Multinomial(), Binomial()], ids=lambda loss: loss.name)
def test_lambda_zero_of_separable_classes_warns(loss: Multinomial | Binomial) -> None:
    X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.1, 0.9], [1.0, 0.2]])
    with pytest.warns(UserWarning, match="classes separate"):
        path = fit_path(X, torch.tensor([0, 1, 0, 1]), loss=loss, n_lambdas=3, options=SolveOptions(zero=True))
    assert path[-1].lambda_ == 0
    assert path[-1].n_iter < 200


def test_accuracy_at_an_exact_number_of_features() -> None:
    X, scores = data(n=150, p=40)
    y = scores.argmax(1)
    path = fit_path(X, y, n_lambdas=15, lambda_min_ratio=1e-2)
    for target in (2, 5, 7 / 3):
        assert _pruned(path, target).nonzeros == round(3 * target)
    table = accuracy_at(path, X, y, (2, 5), exact=True)
    head = _pruned(path, 5)
    assert table[5] == float((head.decision(X).argmax(1) == y).double().mean())
    assert set(accuracy_at(path, X, y, (2, 5))) == {2, 5}
    with pytest.raises(SettingError, match="dense"):
        accuracy_at(path, X, y, (400,), exact=True)


def test_folds_share_a_grid_and_scale_by_the_rows_they_fit() -> None:
    X, scores = data(n=90)
    X, y = X[:, :-1], scores.argmax(1)
    lambdas = [0.2, 0.1, 0.05, 0.02]
    found = cross_validate(X, y, loss=Multinomial(), lambdas=lambdas, folds=3, tol=1e-8, metric="accuracy")
    fold = torch.from_numpy(assign_folds(y, 3, stratify=True, seed=0))
    table = []
    for held in range(3):
        inside, out = fold != held, fold == held
        path = fit_path(X[inside], y[inside], lambdas=lambdas, tol=1e-8)
        table.append([float((s.decision(X[out]).argmax(1) == y[out]).double().mean()) for s in path])
    mean = torch.tensor(table, dtype=torch.float64).mean(0)
    assert torch.allclose(torch.tensor(found.scores, dtype=torch.float64), mean)
    assert found.index == int(mean.argmax())
    simpler = cross_validate(X, y, loss=Multinomial(), lambdas=lambdas, folds=3, tol=1e-8, rule="one_se")
    best = cross_validate(X, y, loss=Multinomial(), lambdas=lambdas, folds=3, tol=1e-8)
    assert simpler.index <= best.index


@pytest.mark.parametrize("l1_ratio", [1.0, 0.9])
def test_a_tiny_separable_problem_in_float32_ends_early_and_honestly(l1_ratio: float, device: str) -> None:
    X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2], [0.3, 0.1], [0.1, 0.8]])
    y = torch.tensor([0, 1, 0, 1, 2, 2])
    penalty = ElasticNet(l1_ratio)
    path = fit_path(X, y, penalty=penalty, lambda_min_ratio=1e-4, n_lambdas=12, tol=1e-9, device=device)
    exact = fit_path(X.double(), y, penalty=penalty, lambdas=path.lambdas.tolist(), tol=1e-9, device=device)
    assert {s.status for s in path} <= {Status.Converged, Status.PrecisionLimit, Status.Stalled}
    assert max(s.n_iter for s in path) < 300
    for single, double in zip(path, exact, strict=True):
        assert single.objective - double.objective <= (single.gap + 1e-6) * single.null_loss


@pytest.mark.parametrize("penalty", [ElasticNet, GroupElasticNet])
def test_an_unpenalised_row_under_softmax_ends(penalty: type[ElasticNet], device: str) -> None:
    X, scores = data()
    free = penalty(0.9, factors=[0.0] + [1.0] * (X.shape[1] - 1))
    head = fit(X, scores.argmax(1), penalty=free, lambda_=0.05, tol=1e-7, device=device)
    assert head.status is Status.Uncertified
    assert head.n_iter < 200
    assert head.kkt < 1e-6


def test_a_path_goes_on_along_log_lambda() -> None:
    def solution(lambda_: float, *coef: float) -> Any:
        return SimpleNamespace(lambda_=lambda_, coef=torch.tensor(coef))

    before, last = solution(1.0, 0.0, 1.0, 1.0, 0.0), solution(0.5, 1.0, 0.4, 1.0, 0.0)
    assert _extrapolated([last], 0.25) is None
    assert _extrapolated([before, last], 0.5) is None
    assert _extrapolated([before, last], 0.0) is None
    # The whole way, but no farther; the second weight would change its sign.
    for lambda_ in (0.25, 0.1):
        assert _extrapolated([before, last], lambda_).tolist() == [2.0, 0.0, 1.0, 0.0]
    half = _extrapolated([before, last], 0.5**1.5)
    torch.testing.assert_close(half, torch.tensor([1.5, 0.1, 1.0, 0.0]))
