"""Between 16 and 64 outputs the inner solver's rows are vectors of several registers, padded to a power of two."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from clearhead.glm import ElasticNet, Gaussian, GroupElasticNet, Status, fit_path
from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.accelerated import accelerate
from clearhead.glm.solvers.inner import minimise
from clearhead.glm.solvers.model import Effort, Model, model_width


@pytest.mark.parametrize(
    ("outputs", "width"), [(1, 1), (2, 8), (8, 8), (9, 16), (17, 32), (24, 32), (40, 64), (64, 64), (65, 65)]
)
def test_widths_are_powers_of_two_where_kernels_apply(outputs: int, width: int) -> None:
    assert model_width(outputs, torch.device("cpu")) == width


def test_descent_with_twenty_outputs_finds_the_minimum() -> None:
    """Without correction and penalty the minimum of the model solves G Δ S = slope."""
    a, k = 12, 20
    width = model_width(k, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(200, a, generator=generator, dtype=torch.float64)
    other = torch.randn(300, k, generator=generator, dtype=torch.float64)
    gram, S = draw.T @ draw / 200, other.T @ other / 300
    slope = torch.randn(a, k, generator=generator, dtype=torch.float64)
    padded = torch.zeros(width, width, dtype=torch.float64)
    padded[:k, :k] = S
    none = torch.zeros(1, a, width, dtype=torch.float64)
    model = Model(gram, padded, none, none, slope, torch.arange(a))
    found = minimise(model, torch.zeros(a, k, dtype=torch.float64), ElasticNet(1.0), 0.0, Effort(2000, 1e-9))
    expected = torch.linalg.solve(gram, slope) @ torch.linalg.inv(S)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("outputs", [20, 70])
def test_secant_pairs_that_add_curvature_do_not_throw_the_inner_solve_off(outputs: int) -> None:
    """Below and above 64: the minimum of a model whose correction multiplies its largest eigenvalue by three."""
    a, generator = 6, torch.Generator().manual_seed(1)
    width = model_width(outputs, torch.device("cpu"))
    gram = torch.eye(a, dtype=torch.float64) + 0.2
    S = torch.zeros(width, width, dtype=torch.float64)
    S[:outputs, :outputs] = torch.eye(outputs, dtype=torch.float64)
    S = S if outputs <= 64 else S.diagonal().contiguous()
    pair = torch.zeros(1, a, width, dtype=torch.float64)
    pair[:, :, :outputs] = torch.randn(1, a, outputs, generator=generator, dtype=torch.float64)
    pair *= 2 / pair.norm()
    slope = torch.randn(a, outputs, generator=generator, dtype=torch.float64)
    model = Model(gram, S, -pair, pair, slope, torch.arange(a))
    found = minimise(model, torch.zeros(a, outputs, dtype=torch.float64), ElasticNet(1.0), 0.0, Effort(2000, 1e-9))
    flat = pair[0, :, :outputs].reshape(-1)
    whole = torch.kron(gram, torch.eye(outputs, dtype=torch.float64)) + torch.outer(flat, flat)
    expected = torch.linalg.solve(whole, slope.reshape(-1)).view(a, outputs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("penalty", [ElasticNet(0.9), ElasticNet(0.9, nonnegative=True), GroupElasticNet(0.9)])
def test_descent_by_blocks_ends_where_gradient_steps_do(penalty: Penalty) -> None:
    """More rows than a block holds, one feature that may not be used, a correction: the same minimum of the model."""
    a, k, generator = 150, 70, torch.Generator().manual_seed(2)
    draw = torch.randn(400, a, generator=generator, dtype=torch.float64)
    pair = torch.randn(3, a, k, generator=generator, dtype=torch.float64) / 40
    gram, S = draw.T @ draw / 400, 0.5 + torch.rand(k, generator=generator, dtype=torch.float64)
    slope = torch.randn(a, k, generator=generator, dtype=torch.float64)
    largest = float(torch.linalg.eigvalsh(gram)[-1])
    penalty = replace(penalty, factors=(torch.inf, *[1.0] * (a - 1)))
    model = Model(gram, S, -pair, pair, slope, torch.arange(a), largest)
    start, effort, level = torch.zeros(a, k, dtype=torch.float64), Effort(3000, 1e-8), 9.0 if penalty.grouped else 0.8
    found = minimise(model, start, penalty, level, effort)
    expected = accelerate(model, start, penalty, level, effort)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert not found[0].any()
    assert 0.05 < float((found != 0).double().mean()) < 0.95


def test_a_hundred_classes_that_nothing_tells_apart_are_solved() -> None:
    """Random labels: the secant pairs of such a path once made the inner solve diverge, and LAPACK end it."""
    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(400, 40, generator=generator), torch.arange(400) % 100
    path = fit_path(X, y, n_lambdas=3, lambda_min_ratio=0.03, tol=1e-2)
    assert all(solution.status is Status.Converged for solution in path)


@pytest.mark.parametrize("outputs", [3, 70])
def test_many_responses_are_fitted_apart(outputs: int) -> None:
    """Below and above 64, where the curvature is a diagonal."""
    generator = torch.Generator().manual_seed(2)
    X = torch.randn(80, 9, generator=generator, dtype=torch.float64)
    Y = X @ torch.randn(9, outputs, generator=generator).double() + torch.randn(80, outputs, generator=generator)
    whole = fit_path(X, Y, loss=Gaussian(), n_lambdas=4, lambda_min_ratio=0.05, tol=1e-12)
    assert all(solution.status is Status.Converged for solution in whole)
    last = fit_path(X, Y[:, -1], loss=Gaussian(), lambdas=[s.lambda_ for s in whole], tol=1e-12)
    assert torch.allclose(whole.coef[:, :, -1:], last.coef, atol=1e-6)


def test_a_full_curvature_of_a_width_that_is_padded_in_memory_is_refused() -> None:
    """Its kernel would write beyond its arrays."""
    a, k = 4, 100
    none = torch.zeros(1, a, k)
    model = Model(torch.eye(a), torch.eye(k), none, none, torch.ones(a, k), torch.arange(a))
    with pytest.raises(ValueError, match="power of two"):
        minimise(model, torch.zeros(a, k), ElasticNet(1.0), 0.0, Effort())
