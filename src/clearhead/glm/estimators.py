"""scikit-learn estimators: the path at one λ, chosen by hand or by cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from clearhead.glm.crossval import cross_validate
from clearhead.glm.losses import Binomial, Gaussian, Loss, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.path import fit, fit_path
from clearhead.glm.penalties import ElasticNet, GroupElasticNet, Penalty
from clearhead.glm.polish import affordable
from clearhead.glm.resolve import resolve
from clearhead.glm.solution import Solution

__all__ = [
    "ElasticNetPathClassifier",
    "ElasticNetPathClassifierCV",
    "ElasticNetPathRegressor",
    "ElasticNetPathRegressorCV",
]


SMALL = 1 << 22  # numbers of X up to which the chosen λ of a path is solved again, to the last digit
_FEATURES: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


class _PathEstimator(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share: parameters, the fit at one λ, the linear predictor."""

    def __init__(
        self,
        lambda_: float = 0.01,
        l1_ratio: float = 0.99,
        grouped: bool = False,
        tol: float = 1e-6,
        fit_intercept: bool = True,
        solver: str = "auto",
        max_iter: int = 1000,
    ) -> None:
        self.lambda_ = lambda_
        self.l1_ratio = l1_ratio
        self.grouped = grouped
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")  # the parameter lambda_ ends like a fitted attribute

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _penalty(self) -> Penalty:
        return (GroupElasticNet if self.grouped else ElasticNet)(self.l1_ratio)

    def _keywords(self, sample_weight: Any) -> dict[str, Any]:
        return {
            "penalty": self._penalty(),
            "tol": self.tol,
            "solver": self.solver,
            "sample_weight": None if sample_weight is None else np.asarray(sample_weight, np.float64),
            # Without an intercept the mean of a feature is part of the signal.
            "standardize": self.fit_intercept,
            "options": SolveOptions(intercept=self.fit_intercept, max_iter=self.max_iter),
        }

    def _solve(self, X: np.ndarray, target: np.ndarray, loss: Loss, sample_weight: Any) -> Solution:
        keywords = self._keywords(sample_weight)
        options = replace(keywords.pop("options"), polish=True)
        return fit(X, target, loss=loss, lambda_=self.lambda_, options=options, **keywords)

    def _store(self, solution: Solution) -> None:
        coef, intercept = (t.cpu().numpy() for t in solution.raw())
        self.solution_ = solution
        self.coef_, self.intercept_ = coef.T.astype(np.float64), intercept.astype(np.float64)
        self.n_iter_ = np.array([max(solution.n_iter, 1)])

    def _linear(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **_FEATURES)
        return np.asarray(X @ self.coef_.T + self.intercept_)


class _Classifier(ClassifierMixin, _PathEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit on features (n, p), dense or scipy's sparse, and labels (n,); ``coef_`` is on raw features."""
        X, y = validate_data(self, X, y, ensure_min_samples=2, force_writeable=True, **_FEATURES)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs two classes or more, but there is 1 class: {self.classes_[0]}"
            )
        loss: Loss = Binomial() if len(self.classes_) == 2 else Multinomial(len(self.classes_))
        self._store(self._solve(X, codes, loss, _weights(sample_weight, X)))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) margin of two classes or (n, k) linear predictor."""
        Z = self._linear(X)
        margin: np.ndarray = Z[:, 0] if Z.shape[1] == 1 else Z
        return margin

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, k) probabilities."""
        Z = torch.from_numpy(self._linear(X))
        if Z.shape[1] == 1:
            Z = torch.cat([torch.zeros_like(Z), Z], 1)
        return np.asarray(Z.softmax(1).numpy())

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """(n, k) log probabilities."""
        return np.asarray(np.log(self.predict_proba(X)))

    def predict(self, X: Any) -> np.ndarray:
        """(n,) most probable labels."""
        Z = self._linear(X)
        index = (Z[:, 0] > 0).astype(int) if Z.shape[1] == 1 else Z.argmax(1)
        return np.asarray(self.classes_[index])


class _Regressor(RegressorMixin, _PathEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit on features (n, p), dense or scipy's sparse, and responses (n,) or (n, m)."""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, ensure_min_samples=2, **_FEATURES)
        self._store(self._solve(X, y, Gaussian(), _weights(sample_weight, X)))
        if y.ndim == 1:
            self.coef_, self.intercept_ = self.coef_[0], self.intercept_[0]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n,) or (n, m) predictions."""
        prediction: np.ndarray = self._linear(X)
        return prediction

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class ElasticNetPathClassifier(_Classifier):
    """A certified elastic-net classifier at one λ: binomial for two classes, multinomial for more.

    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.9], [1.0, 0.2]])
    >>> ElasticNetPathClassifier(lambda_=0.01).fit(X, ["a", "b", "a", "b"]).predict(X).tolist()
    ['a', 'b', 'a', 'b']
    """


class ElasticNetPathRegressor(_Regressor):
    """A certified elastic-net regression at one λ, of one response or several."""


class _ChosenByFolds(_PathEstimator):
    """λ from K-fold cross-validation on one shared grid; few weights of few rows are solved again there, to the last
    digit, whatever ``solver`` made the path."""

    def __init__(
        self,
        n_lambdas: int = 50,
        lambda_min_ratio: float = 1e-2,
        l1_ratio: float = 0.99,
        grouped: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        solver: str = "auto",
        max_iter: int = 1000,
        cv: Any = 5,
        rule: str = "best",
        random_state: int = 0,
    ) -> None:
        super().__init__(0.0, l1_ratio, grouped, tol, fit_intercept, solver, max_iter)
        del self.lambda_
        self.n_lambdas = n_lambdas
        self.lambda_min_ratio = lambda_min_ratio
        self.cv = cv
        self.rule = rule
        self.random_state = random_state

    def _solve(self, X: np.ndarray, target: np.ndarray, loss: Loss, sample_weight: Any) -> Solution:
        keywords = self._keywords(sample_weight)
        path = fit_path(
            X, target, loss=loss, n_lambdas=self.n_lambdas, lambda_min_ratio=self.lambda_min_ratio, **keywords
        )
        result = cross_validate(
            X,
            target,
            loss=loss,
            lambdas=path.lambdas.tolist(),
            folds=self.cv,
            rule=self.rule,
            seed=self.random_state,
            **keywords,
        )
        self.lambdas_, self.scores_ = path.lambdas.numpy(), np.asarray(result.scores)
        chosen = path[result.index]
        self.best_lambda_ = float(chosen.lambda_)
        if self.grouped or X.size > SMALL or not affordable(X.shape[0], chosen.nonzeros, chosen.coef.shape[1]):
            return chosen
        keywords.pop("solver")
        again = resolve(X, target, chosen, loss=loss, **keywords)
        return replace(again, n_iter=chosen.n_iter + again.n_iter)


class ElasticNetPathClassifierCV(_ChosenByFolds, _Classifier):
    """`ElasticNetPathClassifier` whose λ is chosen by stratified K-fold log loss; the choice is ``best_lambda_``."""


class ElasticNetPathRegressorCV(_ChosenByFolds, _Regressor):
    """`ElasticNetPathRegressor` whose λ is chosen by K-fold squared error; the choice is ``best_lambda_``."""


def _weights(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    if sample_weight is None:
        return None
    from sklearn.utils.validation import _check_sample_weight

    return np.asarray(_check_sample_weight(sample_weight, X, ensure_non_negative=True), np.float64)
