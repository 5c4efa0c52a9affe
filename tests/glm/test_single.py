"""The inner solve of one output, and the Gram matrix it works with."""

from __future__ import annotations

import pytest
import torch

from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Status, fit, fit_path
from clearhead.glm.design import Design
from clearhead.glm.options import SolveOptions
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.solvers import prox_newton
from clearhead.glm.solvers.gram import GramStore
from clearhead.glm.solvers.inner import minimise
from clearhead.glm.solvers.model import Effort, Model
from clearhead.glm.solvers.prox_newton import ProxNewton
from clearhead.glm.stability import selection_frequency

FACTORS = [0.0, float("inf"), *[0.5 + i / 10 for i in range(18)]]
PENALTIES = [
    ElasticNet(1.0),
    ElasticNet(0.5),
    ElasticNet(0.0),
    ElasticNet(0.9, nonnegative=True),
    ElasticNet(0.9, factors=FACTORS),
    GroupElasticNet(0.9),
]


def model(rows: int, copies: bool = False, outputs: int = 1, a: int = 20) -> Model:
    """Of a random least-squares problem, with a second column for each where ``copies``."""
    generator = torch.Generator().manual_seed(rows)
    Z = torch.randn(rows, a, generator=generator, dtype=torch.float64)
    Z = Z + 2 * torch.randn(rows, 1, generator=generator, dtype=torch.float64)  # all features correlate
    if copies:
        Z[:, a // 2 :] = Z[:, : a // 2]
    response = Z[:, :1] + Z[:, 3:4] + torch.randn(rows, outputs, generator=generator, dtype=torch.float64)
    slope = Z.T @ response / rows
    width = 1 if outputs == 1 else 8
    none = torch.zeros(1, a, width, dtype=torch.float64)
    S = torch.eye(width, dtype=torch.float64)
    return Model(Z.T @ Z / rows, S, none, none, slope, torch.arange(a), exact=True)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("rows", [200, 12])
@pytest.mark.parametrize("copies", [False, True])
def test_the_minimum_satisfies_the_optimality_conditions(penalty: Penalty, rows: int, copies: bool) -> None:
    """Also with fewer rows than features and with each feature twice, where the Hessian is singular."""
    quadratic = model(rows, copies)
    lambda_ = 0.05 * penalty.lambda_max(quadratic.slope)
    start = torch.zeros(20, 1, dtype=torch.float64)
    for _ in range(60):
        start = minimise(quadratic_at(quadratic, start), start, penalty, lambda_, Effort(500, 1e-9))
    slope = quadratic_at(quadratic, start).slope
    assert float(penalty.violation(start, slope, lambda_).max()) < 1e-9
    assert bool((start != 0).any())


def quadratic_at(quadratic: Model, W: torch.Tensor) -> Model:
    """The same parabola with its slope at W."""
    slope = quadratic.slope - quadratic.gram @ W
    return Model(quadratic.gram, quadratic.S, quadratic.left, quadratic.right, slope, quadratic.features, exact=True)


def test_one_call_finds_the_minimum_from_weights_of_the_wrong_signs() -> None:
    quadratic, penalty = model(100), ElasticNet(0.99)
    lambda_ = 0.02 * penalty.lambda_max(quadratic.slope)
    start = torch.linspace(-3, 3, 20, dtype=torch.float64)[:, None]
    found = minimise(quadratic_at(quadratic, start), start, penalty, lambda_, Effort(1000, 1e-9))
    slope = quadratic_at(quadratic, found).slope
    assert float(penalty.violation(found, slope, lambda_).max()) < 1e-10


def test_outputs_of_an_exact_model_are_minimised_apart() -> None:
    several, penalty = model(100, outputs=3), ElasticNet(0.9)
    lambda_ = 0.1 * penalty.lambda_max(several.slope)
    together = minimise(several, torch.zeros(20, 3, dtype=torch.float64), penalty, lambda_, Effort(1000, 1e-9))
    for c in range(3):
        alone = Model(several.gram, several.S[:1, :1], *(several.left[:, :, :1],) * 2, several.slope[:, c : c + 1],
                      several.features, exact=True)  # fmt: skip
        found = minimise(alone, torch.zeros(20, 1, dtype=torch.float64), penalty, lambda_, Effort(1000, 1e-9))
        torch.testing.assert_close(together[:, c], found[:, 0], rtol=0, atol=1e-12)


def binomial() -> tuple[Problem, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    X = torch.randn(300, 12, generator=generator, dtype=torch.float64)
    y = (3 * X[:, 0] - 2 * X[:, 1] + torch.randn(300, generator=generator) > 1).long()
    return Problem.build(X, y, Binomial()), X, y


def test_a_gram_matrix_under_other_row_weights_has_the_intercept_removed() -> None:
    problem, _, _ = binomial()
    weight = torch.linspace(0.2, 1.8, 300, dtype=torch.float64)
    store = GramStore.of(problem.design, whole=False).under(weight, centred=True)
    first, all_of_them = torch.tensor([4, 2]), torch.arange(12)
    Z: torch.Tensor = Design.blocks(problem.design).__next__()[1].dense()
    centred = Z - (weight @ Z) / 300
    expected = centred.T @ (weight[:, None] * centred) / 300
    torch.testing.assert_close(store.matrix(first), expected[first[:, None], first])
    torch.testing.assert_close(store.matrix(all_of_them), expected)
    without = GramStore.of(problem.design, whole=True).under(weight, centred=False)
    torch.testing.assert_close(without.matrix(first), (Z.T @ (weight[:, None] * Z) / 300)[first[:, None], first])


def test_features_that_are_not_centred_converge() -> None:
    """Their Gram matrix is not the Hessian that is left when the intercept is optimal."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(200, 10, generator=generator, dtype=torch.float64) + 5
    y = X[:, 0] - X[:, 1] + torch.randn(200, generator=generator)
    path = fit_path(X, y, loss=Gaussian(), n_lambdas=5, standardize=False, tol=1e-6)
    assert all(solution.status is Status.Converged for solution in path)
    assert sum(solution.n_iter for solution in path) < 100


def test_a_solver_taught_under_other_weights_does_not_take_the_model_for_exact() -> None:
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(80, 120, generator=generator, dtype=torch.float64)
    y = X[:, 0] - X[:, 1] + torch.randn(80, generator=generator)
    base = Problem.build(X, y, Gaussian())
    teacher = ProxNewton(base, ElasticNet(0.9), 0)
    assert teacher.exact
    assert teacher.taught(base).exact
    weight = torch.arange(80) % 3
    other = teacher.taught(Problem.build(X, y, Gaussian(), sample_weight=weight))
    assert not other.exact
    chosen = fit(X, y, lambda_=0.05, loss=Gaussian(), penalty=ElasticNet(0.9))
    found = selection_frequency(X, y, chosen, loss=Gaussian(), penalty=ElasticNet(0.9), refits=4)
    assert found.gap <= 1e-3


def test_steps_with_the_rows_own_curvatures_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Gram matrix follows the curvatures along the path, and then a λ takes a step or two."""
    problem, X, y = binomial()
    solver = ProxNewton(problem, ElasticNet(0.9), 0)
    taught = solver.taught(problem)
    path = fit_path(X, y, loss=Binomial(), n_lambdas=30, tol=1e-8, lambda_min_ratio=1e-3)
    assert all(solution.status is Status.Converged for solution in path)
    assert sum(solution.n_iter for solution in path) < 4 * len(path)
    monkeypatch.setattr(prox_newton, "DRIFT", float("inf"))
    straight = fit_path(X, y, loss=Binomial(), n_lambdas=30, tol=1e-8, lambda_min_ratio=1e-3)
    assert sum(solution.n_iter for solution in path) < 0.9 * sum(solution.n_iter for solution in straight)
    monkeypatch.undo()
    assert solver._bends
    assert not taught._bends
    offset = fit_path(X, y, loss=Binomial(), n_lambdas=5, tol=1e-8, options=SolveOptions(offset=0.1 * X[:, 3]))
    assert all(solution.status is Status.Converged for solution in offset)
