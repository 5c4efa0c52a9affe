"""The public surface: about twenty names, each listed by hand, each with a docstring."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import clearhead

NAMES = {
    *("Run", "Backbone", "extract", "FeatureTable", "Standardizer", "split_rows"),
    *("Multinomial", "Binomial", "Gaussian", "ElasticNet", "GroupElasticNet"),
    *("fit", "fit_path", "Solution", "RegularizationPath", "SolveOptions", "Status", "select"),
    *("ElasticNetPathClassifier", "ElasticNetPathRegressor"),
    *("SparseHead", "attach", "Finding", "write_report", "ClearheadError"),
}


def test_public_names() -> None:
    assert set(clearhead.__all__) == NAMES | {"__version__"}
    assert set(dir(clearhead)) >= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(clearhead, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        _ = clearhead.Unknown


FLOORS = ["core", "head", "features", "glm", "debug", "explain", "report", "study", "runs"]
MODULES = [
    module.name
    for floor in FLOORS
    for module in pkgutil.walk_packages([str(Path(clearhead.__file__).parent / floor)], f"clearhead.{floor}.")
    if "migrations" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
