"""What the reference implementation gets wrong (Wong et al. 2021, its published code), one test for each defect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.glm.members import data

from clearhead.core.errors import ArtifactError
from clearhead.glm import ElasticNet, Gaussian, GroupElasticNet, Multinomial, fit, fit_path, select
from clearhead.glm.problem import Problem
from clearhead.glm.solve import Limits, solve
from clearhead.glm.solvers import Saga
from clearhead.glm.store import load_path, save_path
from clearhead.runs.run import Run


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on features whose rows are split into training, validation and test."""
    home = tmp_path_factory.mktemp("defects")
    X, scores = data(n=300, p=9)
    scale = torch.linspace(0.1, 30, X.shape[1], dtype=torch.float64)
    np.savez(home / "features.npz", features=(X * scale + 5).numpy(), labels=scores.argmax(1).numpy())
    run = Run(home / "run", features=home / "features.npz", n_lambdas=6, lambda_min_ratio=0.02, dtype="float64")
    run.fit()
    return run


def test_a_short_step_is_not_convergence() -> None:
    X, scores = data()
    problem, penalty = Problem.build(X, scores.argmax(1), Multinomial()), ElasticNet(0.9)
    solver = Saga(problem, penalty, 0)
    solver.step_size = 1e-9
    lambda_ = 0.1 * penalty.lambda_max(problem.null[2])
    start = (torch.zeros(X.shape[1], 3, dtype=torch.float64), problem.null[0])
    solution = solve(problem, penalty, lambda_, solver, Limits(1e-4, 3), start)
    assert solution.info["gradient_stop_epoch"] == 1  # the paper's rule would have ended it here
    assert not solution.status.ok
    assert solution.gap > 1e-2


def test_n_and_lambda_and_scale_are_those_of_the_fitted_rows(job: Run) -> None:
    """The reference counts validation rows in n, takes λ_max from raw features and the scale from all rows."""
    rows = job.split.train
    assert len(rows) < job.table.shape[0]
    X, y = job.table.take(rows).double(), job.table.labels[rows]
    mean, deviation = X.mean(0), X.std(0, correction=0)
    alpha = job.config.fit.l1_ratio
    Z = torch.where(deviation > 1e-9, (X - mean) / deviation.clamp(min=1e-9), 0.0)
    Y = torch.nn.functional.one_hot(y).double()
    top = float((Z.T @ (Y - Y.mean(0))).abs().max()) / len(rows) / alpha
    assert job.path[0].lambda_ == pytest.approx(top, rel=1e-6)
    torch.testing.assert_close(job.path[0].standardizer.mean, mean)
    for s in job.path:
        loss = torch.nn.functional.cross_entropy(Z @ s.coef.double() + s.intercept.double(), y)
        penalty = alpha * s.coef.abs().sum() + (1 - alpha) / 2 * s.coef.square().sum()
        assert s.objective == pytest.approx(float(loss + s.lambda_ * penalty), rel=1e-9)


def test_the_best_head_is_best_without_the_penalty() -> None:
    """The reference compares penalised validation losses, and without a validation set returns the empty model."""
    X, scores = data(n=200)
    y = scores.argmax(1)
    path = fit_path(X[:100], y[:100], n_lambdas=10, lambda_min_ratio=0.01)
    chosen = select(path, X[100:], y[100:], rule="best")
    accuracy = [float((s.decision(X[100:]).argmax(1) == y[100:]).double().mean()) for s in path]
    assert list(chosen.scores) == pytest.approx(accuracy)
    assert accuracy[chosen.index] == max(accuracy)
    assert chosen.solution.nonzeros > 0


def test_the_grouped_prox_of_a_zero_row_is_zero() -> None:
    W = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert GroupElasticNet(1.0).prox(W, 1.0, 1.0).tolist() == [[0.0, 0.0], [pytest.approx(2.4), pytest.approx(3.2)]]
    assert bool(torch.isfinite(GroupElasticNet(1.0).prox(W, 1.0, 0.0)).all())


def test_the_grouped_objective_has_row_norms() -> None:
    X, scores = data()
    s = fit(X, scores.argmax(1), penalty=GroupElasticNet(0.9), lambda_=0.05, tol=1e-8)
    loss = torch.nn.functional.cross_entropy(s.decision(X), scores.argmax(1))
    penalty = 0.9 * s.coef.norm(dim=1).sum() + 0.05 * s.coef.square().sum()
    assert s.objective == pytest.approx(float(loss + 0.05 * penalty), rel=1e-9)


def test_the_loss_of_several_responses_is_their_sum() -> None:
    X, scores = data()
    s = fit(X, scores, loss=Gaussian(), penalty=ElasticNet(0.9), lambda_=0.3, tol=1e-8)
    loss = 0.5 * (s.decision(X) - scores).square().sum(1).mean()
    penalty = 0.9 * s.coef.abs().sum() + 0.05 * s.coef.square().sum()
    assert s.objective == pytest.approx(float(loss + 0.3 * penalty), rel=1e-9)


@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.05, 0.2, 1.0])
def test_selection_never_leaves_its_tolerance_and_takes_the_sparsest_if_all_qualify(tolerance: float) -> None:
    X, scores = data(n=200)
    y = scores.argmax(1)
    path = fit_path(X[:100], y[:100], n_lambdas=10, lambda_min_ratio=0.01)
    chosen = select(path, X[100:], y[100:], tolerance=tolerance)
    assert chosen.scores[chosen.index] >= max(chosen.scores) - tolerance
    inside = [i for i in range(len(path)) if chosen.scores[i] >= max(chosen.scores) - tolerance]
    assert chosen.solution.nonzeros == min(path[i].nonzeros for i in inside)


def test_a_file_that_exists_is_not_trusted(tmp_path: Path) -> None:
    X, scores = data()
    save_path(fit_path(X, scores.argmax(1), n_lambdas=3), tmp_path)
    (tmp_path / "001.safetensors").write_bytes((tmp_path / "002.safetensors").read_bytes())
    with pytest.raises(ArtifactError, match="does not match"):
        load_path(tmp_path)


def test_the_length_of_a_path_is_not_guessed_from_file_names(tmp_path: Path) -> None:
    X, scores = data()
    save_path(fit_path(X, scores.argmax(1), n_lambdas=3), tmp_path)
    for name in ("003.safetensors", "003.json"):
        (tmp_path / name).write_bytes((tmp_path / name.replace("003", "002")).read_bytes())
    assert len(load_path(tmp_path)) == 3


def test_changed_settings_fit_again(job: Run) -> None:
    again = Run(job.folder, n_lambdas=4, lambda_min_ratio=0.05).fit()
    assert len(again.path) == 4
    assert again.path[-1].lambda_ == pytest.approx(0.05 * again.path[0].lambda_)
