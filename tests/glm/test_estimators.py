"""The estimators are scikit-learn's citizens."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import parametrize_with_checks

from clearhead.glm.estimators import (
    ElasticNetPathClassifier,
    ElasticNetPathClassifierCV,
    ElasticNetPathRegressor,
    ElasticNetPathRegressorCV,
)

ESTIMATORS = [
    ElasticNetPathClassifier(tol=1e-6),
    ElasticNetPathRegressor(tol=1e-6),
    ElasticNetPathClassifierCV(n_lambdas=8, cv=3, tol=1e-6),
    ElasticNetPathRegressorCV(n_lambdas=8, cv=3, tol=1e-6),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def test_in_a_pipeline_and_a_grid_search() -> None:
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        PolynomialFeatures(2, include_bias=False), ElasticNetPathClassifier(lambda_=0.01, tol=1e-4)
    )
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    search = GridSearchCV(ElasticNetPathClassifier(tol=1e-4), {"lambda_": [0.3, 0.01]}, cv=3).fit(X, y)
    assert search.best_params_ == {"lambda_": 0.01}


def test_cross_validation_chooses_a_small_lambda_for_clean_data() -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    model = ElasticNetPathClassifierCV(n_lambdas=10, cv=3).fit(X, names[y])
    assert model.score(X, names[y]) > 0.9
    assert model.best_lambda_ < model.lambdas_[0]
    assert model.predict_proba(X).sum(1) == pytest.approx(1.0)
    sparse = ElasticNetPathClassifierCV(n_lambdas=10, cv=3, rule="one_se").fit(X, names[y])
    assert sparse.best_lambda_ >= model.best_lambda_
