"""Scales that bring the model nearer the Hessian's diagonal: what they are, and that a scaled model is minimised."""

from __future__ import annotations

import pytest
import torch

from clearhead.glm import Binomial, ElasticNet, Multinomial, SolveOptions, fit_path
from clearhead.glm.certificate import certify
from clearhead.glm.losses import Loss
from clearhead.glm.problem import Problem
from clearhead.glm.solvers.inner import minimise
from clearhead.glm.solvers.model import Effort, Model
from clearhead.glm.solvers.scales import EntryScales
from clearhead.glm.solvers.secant import SecantMemory


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("loss", [Multinomial(), Binomial()])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_scales_are_the_fourth_root_of_the_curvatures_share(loss: Loss, intercept: bool, dtype: torch.dtype) -> None:
    generator, n, p, k = torch.Generator().manual_seed(0), 1300, 5, 3
    X = torch.randn(n, p, generator=generator).to(dtype)
    labels, weight = torch.randint(k, (n,), generator=generator), 0.5 + torch.rand(n, generator=generator)
    y = labels if isinstance(loss, Multinomial) else torch.nn.functional.one_hot(labels, k).double()
    problem = Problem.build(X, y, loss, sample_weight=weight, options=SolveOptions(intercept=intercept))
    W = torch.randn(p, k, generator=generator).to(problem.dtype)
    logits = problem.logits(W)
    point = certify(problem, ElasticNet(0.9), 0.1, W, logits, torch.zeros(k, dtype=torch.float64))
    squares = problem.design.gram(torch.arange(p), torch.arange(p)).diagonal()
    scales = EntryScales(problem)
    assert scales.update(point, squares) is not None
    assert scales.update(point, squares) is None
    Z = problem.design.rows(torch.arange(n)).double()
    fitted = logits[:, :k].double() + point.intercept
    q = fitted.softmax(1) if isinstance(loss, Multinomial) else fitted.sigmoid()
    v = problem.design.weight[:, None].double() * q * (1 - q) / n
    means = Z.T @ v / v.sum(0) if intercept else torch.zeros(p, k).double()
    exact = torch.einsum("nk,njk->jk", v, (Z[:, :, None] - means).square())
    expected = (exact / (squares.double()[:, None] * v.sum(0))) ** 0.25
    found = scales.of(torch.arange(p))
    assert found is not None
    torch.testing.assert_close(found[:, :k].double(), expected, rtol=1e-4, atol=1e-6)
    assert bool((found[:, k:] == 1).all())


@pytest.mark.parametrize("nonnegative", [False, True])
def test_a_scaled_model_ends_where_nothing_pulls(nonnegative: bool) -> None:
    a, k, width, generator = 30, 4, 8, torch.Generator().manual_seed(1)
    draw = torch.randn(200, a, generator=generator, dtype=torch.float64)
    gram, S = draw.T @ draw / 200, torch.zeros(width, width, dtype=torch.float64)
    mixed = torch.randn(50, k, generator=generator, dtype=torch.float64)
    S[:k, :k] = mixed.T @ mixed / 50
    pair = torch.zeros(1, a, width, dtype=torch.float64)
    pair[:, :, :k] = torch.randn(1, a, k, generator=generator, dtype=torch.float64) / 10
    scale = torch.ones(a, width, dtype=torch.float64)
    scale[:, :k] = 0.5 + torch.rand(a, k, generator=generator, dtype=torch.float64)
    slope, start = (torch.randn(a, k, generator=generator, dtype=torch.float64) for _ in range(2))
    start = start.abs() if nonnegative else start
    model = Model(gram, S, -pair, pair, slope, torch.arange(a), scale=scale)
    penalty = ElasticNet(0.8, nonnegative=nonnegative)
    found = minimise(model, start, penalty, 0.5, Effort(3000, 1e-12, 1e-24))
    d, moved = scale[:, :k], found - start
    inside = gram @ (d * moved) @ S[:k, :k] + pair[0, :, :k] * float((pair[0, :, :k] * d * moved).sum())
    assert float(penalty.violation(found, slope - d * inside, 0.5).max()) < 1e-8
    assert 0.05 < float((found != 0).double().mean()) < 0.95


def test_rescaled_pairs_still_say_what_they_said() -> None:
    """The model maps the last step to the gradient's change, in whatever weights."""
    p, width, generator = 5, 8, torch.Generator().manual_seed(2)
    memory, S = SecantMemory(4, width), torch.eye(width, dtype=torch.float64)
    s, ratio = (0.5 + torch.rand(p, width, generator=generator, dtype=torch.float64) for _ in range(2))
    y = s * torch.rand(p, width, generator=generator, dtype=torch.float64)
    gram = torch.eye(p, dtype=torch.float64)
    memory.add(s, y)
    memory.correction(gram, torch.arange(p), S)
    memory.rescale(ratio)
    left, right = memory.correction(gram, torch.arange(p), S)
    scaled = s * ratio
    bent = scaled - torch.einsum("mac,m->ac", left, (right * scaled).sum((1, 2)))
    torch.testing.assert_close(ratio * bent, y)


def test_classes_of_unlike_spread_take_fewer_steps_with_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    y = torch.arange(900) % 3
    X = torch.randn(900, 40, generator=generator) * torch.tensor([0.1, 1.0, 3.0])[y][:, None]
    X[:, :6] += torch.nn.functional.one_hot(y, 3).repeat(1, 2)

    def steps() -> int:
        path = fit_path(X, y, penalty=ElasticNet(0.9), n_lambdas=20, lambda_min_ratio=1e-3, tol=1e-6)
        assert all(solution.gap <= 1e-6 for solution in path)
        return sum(solution.n_iter for solution in path)

    with_scales = steps()
    monkeypatch.setattr(EntryScales, "update", lambda *_: None)
    assert with_scales < steps()


def test_means_far_from_zero_are_left_to_the_intercept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not standardised, the Gram matrix has the means, which the Hessian less the intercept's share has not."""
    monkeypatch.setattr(EntryScales, "update", lambda *_: pytest.fail("scales of means"))
    generator = torch.Generator().manual_seed(4)
    X = torch.randn(400, 30, generator=generator, dtype=torch.float64)
    y = (X[:, :3] + torch.randn(400, 3, generator=generator)).argmax(1)
    path = fit_path(X + 20, y, standardize=False, n_lambdas=12, lambda_min_ratio=1e-2, tol=1e-6)
    assert all(solution.gap <= 1e-6 for solution in path)


def test_offsets_constant_features_and_factors_go_with_scales() -> None:
    generator = torch.Generator().manual_seed(5)
    X = torch.randn(500, 20, generator=generator, dtype=torch.float64) * torch.logspace(-1, 1, 20)
    X[:, 4] = 7.0
    y = (X[:, :3] + torch.randn(500, 3, generator=generator)).argmax(1)
    factors = (0.5, torch.inf, *[1.0] * 18)
    kept = {"penalty": ElasticNet(0.9, factors=factors), "n_lambdas": 10, "lambda_min_ratio": 1e-2}
    options = SolveOptions(offset=torch.randn(500, 3, generator=generator))
    path = fit_path(X, y, tol=1e-9, options=options, **kept)
    assert all(solution.gap <= 1e-9 for solution in path)
    assert not path[-1].coef[[1, 4]].any()
