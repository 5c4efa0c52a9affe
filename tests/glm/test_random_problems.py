"""Thirty random small problems for each loss and penalty, against an independent convex solver (cvxpy)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial, fit_path
from clearhead.glm.losses import Loss

cp = pytest.importorskip("cvxpy")

LOSSES: dict[str, Loss] = {"multinomial": Multinomial(), "binomial": Binomial(), "gaussian": Gaussian()}
PENALTIES = {"elastic net": ElasticNet, "grouped": GroupElasticNet}


def problem(seed: int, n: int, p: int, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features (n, p) and targets: class numbers, {0, 1}, or values."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, p)) + draw.normal(size=(n, 1))
    X = (X - X.mean(0)) / X.std(0)
    scores = X @ draw.normal(size=(p, 3)) + 1.5 * draw.normal(size=(n, 3))
    if loss == "gaussian":
        return X, scores[:, 0]
    if loss == "binomial":
        return X, (scores[:, 0] > np.median(scores[:, 0])).astype(int)
    y = scores.argmax(1)
    y[:3] = [0, 1, 2]  # every class occurs
    return X, y


def reference(X: np.ndarray, y: np.ndarray, loss: str, grouped: bool, lambda_: float, alpha: float) -> float:
    """The optimum by cvxpy, written from the definition of the objective."""
    n, p = X.shape
    k = 3 if loss == "multinomial" else 1
    W, b = cp.Variable((p, k)), cp.Variable((1, k))
    Z = X @ W + np.ones((n, 1)) @ b
    fit: Any
    if loss == "gaussian":
        fit = cp.sum_squares(Z[:, 0] - y) / (2 * n)
    elif loss == "binomial":
        fit = cp.sum(cp.logistic(cp.multiply(1 - 2 * y, Z[:, 0]))) / n
    else:
        fit = (cp.sum(cp.log_sum_exp(Z, axis=1)) - cp.sum(cp.multiply(np.eye(3)[y], Z))) / n
    size = cp.sum(cp.norm(W, 2, axis=1)) if grouped else cp.sum(cp.abs(W))
    penalty = lambda_ * (alpha * size + (1 - alpha) / 2 * cp.sum_squares(W))
    solver = cp.Problem(cp.Minimize(fit + penalty))
    solver.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return float(solver.value)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(8, 30),
    p=st.integers(1, 8),
    alpha=st.floats(0.1, 1.0),
    depth=st.floats(0.02, 0.9),
)
def test_optimum_edge_and_certificate(
    loss: str, penalty: str, seed: int, n: int, p: int, alpha: float, depth: float
) -> None:
    X, y = problem(seed, n, p, loss)
    member, tol = PENALTIES[penalty](l1_ratio=alpha), 1e-8
    top = fit_path(X, torch.from_numpy(y), loss=LOSSES[loss], penalty=member, n_lambdas=1, tol=tol)[0]
    grid = [top.lambda_, 0.99 * top.lambda_, depth * top.lambda_]
    path = fit_path(X, torch.from_numpy(y), loss=LOSSES[loss], penalty=member, lambdas=grid, tol=tol)
    assert path[0].nonzeros == 0
    assert path[1].nonzeros > 0
    assert all(0 <= s.gap <= tol for s in path)
    best = reference(X, y, loss, penalty == "grouped", grid[2], alpha)
    assert path[2].objective == pytest.approx(best, rel=1e-6, abs=1e-9)
