"""Mixtures of dual points: never above the optimum, never worse than their members, and equal to a cvxpy solution."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch

from clearhead.glm import ElasticNet, GroupElasticNet, Multinomial, fit
from clearhead.glm.bundle import DualBundle
from clearhead.glm.certificate import certify
from clearhead.glm.problem import Problem

PENALTIES = [
    ElasticNet(0.9),
    GroupElasticNet(0.7),
    ElasticNet(0.9, factors=(1.0, 2.0, 0.5, 1.0, float("inf"), 1.0)),
    ElasticNet(0.8, nonnegative=True),
]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_a_mixture_bounds_the_optimum_at_other_points(penalty):
    generator = torch.Generator().manual_seed(3)
    X = torch.randn(60, 6, generator=generator, dtype=torch.float64)
    y = (X @ torch.randn(6, 3, generator=generator, dtype=torch.float64)).argmax(1)
    lambda_ = 0.05
    best = fit(X, y, lambda_=lambda_, penalty=penalty, tol=1e-10)
    problem = Problem.build(X, y, Multinomial())
    alone, bundle = [], DualBundle(4)
    for _ in range(4):
        coef = best.coef + 0.05 * torch.randn(6, 3, generator=generator, dtype=torch.float64) * (best.coef != 0)
        logits = problem.logits(coef)
        alone.append(certify(problem, penalty, lambda_, coef, logits, best.intercept).dual)
        mixed = certify(problem, penalty, lambda_, coef, logits, best.intercept, -1.0, bundle).dual
        assert mixed <= best.objective + 1e-9
    assert mixed >= alone[-1]
    assert bundle.best(penalty, lambda_, best.objective)[0] > max(alone)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_the_weights_are_those_of_the_quadratic_programme(penalty):
    generator = np.random.default_rng(5)
    slopes, smooth, lambda_ = generator.normal(size=(3, 6, 2)) * 0.2, generator.uniform(0.5, 1.0, 3), 0.1
    bundle = DualBundle()
    for value, slope in zip(smooth, slopes, strict=True):
        bundle.add(value, torch.from_numpy(slope))
    factors = np.array(penalty.factors or (1.0,) * 6)
    finite = np.isfinite(factors)
    c = cp.Variable(3, nonneg=True)
    mixed = sum(c[i] * slopes[i][finite] for i in range(3))
    mixed = cp.pos(mixed) if penalty.nonnegative else mixed
    size = cp.norm(mixed, axis=1) if penalty.grouped else cp.abs(mixed)
    level = lambda_ * penalty.l1_ratio * factors[finite]
    level = level if penalty.grouped else np.repeat(level[:, None], 2, 1)
    ridge = lambda_ * (1 - penalty.l1_ratio) * factors[finite]
    ridge = ridge if penalty.grouped else np.repeat(ridge[:, None], 2, 1)
    charge = cp.sum(cp.multiply(cp.square(cp.pos(size - level)), 0.5 / ridge))
    wanted = cp.Problem(cp.Maximize(smooth @ c - charge), [cp.sum(c) <= 1]).solve(solver=cp.CLARABEL)
    assert bundle.best(penalty, lambda_, wanted + 1e-7)[0] == pytest.approx(wanted, abs=2e-3 * abs(wanted) + 1e-6)
    assert bundle.best(penalty, lambda_, wanted + 1e-7)[0] <= wanted + 1e-7
