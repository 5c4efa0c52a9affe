"""Renaming, repeating and rescaling the data does to the solution what it should."""

from __future__ import annotations

import torch
from tests.glm.members import data

from clearhead.core.seeds import torch_generator
from clearhead.glm import Solution, fit_path

TOL = 1e-12


def _solve(X: torch.Tensor, y: torch.Tensor, **keywords: object) -> Solution:
    return fit_path(X, y, lambdas=[0.03], tol=TOL, **keywords)[0]  # type: ignore[arg-type]


def _data() -> tuple[torch.Tensor, torch.Tensor, Solution]:
    X, scores = data(seed=5)
    X = X[:, :-2].contiguous()  # without the duplicated and the constant column the weights are unique
    y = scores.argmax(1)
    return X, y, _solve(X, y)


def test_permuted_rows_features_and_classes() -> None:
    X, y, base = _data()
    generator = torch_generator(1, "permute")
    rows, columns = torch.randperm(len(X), generator=generator), torch.randperm(X.shape[1], generator=generator)
    classes = torch.tensor([2, 0, 1])
    torch.testing.assert_close(_solve(X[rows], y[rows]).coef, base.coef, atol=1e-5, rtol=0)
    torch.testing.assert_close(_solve(X[:, columns], y).coef, base.coef[columns], atol=1e-5, rtol=0)
    torch.testing.assert_close(_solve(X, classes[y]).coef[:, classes], base.coef, atol=1e-5, rtol=0)


def test_integer_weights_are_repeated_rows() -> None:
    X, y, _ = _data()
    weight = torch.randint(1, 4, (len(X),), generator=torch_generator(2, "weights"))
    weighted = _solve(X, y, sample_weight=weight)
    repeated = _solve(X.repeat_interleave(weight, 0), y.repeat_interleave(weight))
    torch.testing.assert_close(weighted.coef, repeated.coef, atol=1e-5, rtol=0)
    assert abs(weighted.objective - repeated.objective) < 1e-9


def test_standardised_features_have_no_unit() -> None:
    X, y, base = _data()
    scale = torch.linspace(0.01, 100, X.shape[1], dtype=torch.float64)
    moved = _solve(X * scale + 7.0, y)
    torch.testing.assert_close(moved.coef, base.coef, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved.decision(X * scale + 7.0), base.decision(X), atol=1e-4, rtol=0)


def test_raw_weights_give_the_same_predictions() -> None:
    X, _, base = _data()
    coef, intercept = base.raw()
    torch.testing.assert_close(X @ coef + intercept, base.decision(X), atol=1e-10, rtol=0)
