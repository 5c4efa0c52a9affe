"""What cannot be fitted is refused at the door, in words that say what to do."""

from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import DataError, SettingError
from clearhead.glm import Binomial, ElasticNet, SolveOptions, fit, fit_path

X = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2], [0.3, 0.1], [0.1, 0.8]])
Y = torch.tensor([0, 1, 0, 1, 2, 2])


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (Y[:4], "labels do not match rows"),
        (torch.zeros(6), "only one class"),
        (torch.tensor([0, 2, 0, 2, 0, 2]), "no row of class 1 of 3"),
        (torch.tensor([0, 1, 0, 1, 0, 9]), "fewer rows than classes"),
        (torch.tensor([0.0, 0.5, 0, 1, 0, 1]), "integers"),
        (torch.tensor([0.0, float("nan"), 0, 1, 0, 1]), "row 1"),
        (["a", "b", "a", "b", "a", "b"], "numbers"),
        (torch.full((6, 3), 0.5), "row 0"),
    ],
)
def test_labels_that_cannot_be_used(y: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        fit_path(X, y)


def test_binary_labels_outside_the_unit_interval() -> None:
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        fit_path(X, torch.tensor([1, 2, 1, 2, 1, 2]), loss=Binomial())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_bad_features_name_row_and_column(bad: float) -> None:
    broken = X.clone()
    broken[4, 1] = bad
    with pytest.raises(DataError, match="row 4, column 1"):
        fit_path(broken, Y)


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"tol": 0.0}, "tol"),
        ({"n_lambdas": 0}, "n_lambdas"),
        ({"lambdas": [-1.0]}, "λ"),
        ({"solver": "magic"}, "unknown solver"),
        ({"penalty": ElasticNet(factors=[1.0])}, "factor"),
    ],
)
def test_settings_that_make_no_sense(keywords: dict[str, object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        fit_path(X, Y, **keywords)  # type: ignore[arg-type]


def test_fit_wants_exactly_one_target() -> None:
    with pytest.raises(SettingError, match="lambda_ or features_per_class"):
        fit(X, Y)
    with pytest.raises(SettingError, match="unknown keyword"):
        fit(X, Y, lambda_=0.1, n_lambda=3)


@pytest.mark.parametrize("weight", [[1.0] * 5, [-1.0] * 6, [0.0] * 6, [float("nan")] * 6])
def test_weights_that_cannot_be_used(weight: list[float]) -> None:
    with pytest.raises(DataError, match="weight"):
        fit_path(X, Y, sample_weight=weight)


def test_constant_and_duplicated_features_are_harmless() -> None:
    wide = torch.cat([X, torch.ones(6, 1), X[:, :1]], 1)
    path = fit_path(wide, Y, n_lambdas=8, lambda_min_ratio=0.05, tol=1e-5)
    assert all(s.status.ok for s in path)
    assert all(bool((s.coef[2] == 0).all()) and bool(torch.isfinite(s.coef).all()) for s in path)


def test_options_are_checked() -> None:
    with pytest.raises(SettingError):
        SolveOptions(max_iter=0)
    with pytest.raises(SettingError):
        SolveOptions(time_limit=-1.0)
