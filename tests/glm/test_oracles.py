"""Independent solvers reach the same objective on random small problems."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import LogisticRegression
from tests.glm.members import data

from clearhead.glm import Binomial, ElasticNet, Gaussian, Multinomial, fit
from clearhead.glm.certificate import certify
from clearhead.glm.problem import Problem


@pytest.mark.parametrize("name", ["gaussian", "binomial", "multinomial"])
def test_scikit_learn_reaches_the_same_objective(name: str) -> None:
    @settings(max_examples=30)
    @given(st.integers(0, 10**6), st.sampled_from([0.3, 0.9]), st.sampled_from([0.3, 0.05]))
    def check(seed: int, l1_ratio: float, share: float) -> None:
        X, scores = data(n=50, p=7, seed=seed)
        target = {"gaussian": scores[:, 0], "binomial": (scores[:, 0] > 0).long(), "multinomial": scores.argmax(1)}[
            name
        ]
        loss = {"gaussian": Gaussian(), "binomial": Binomial(), "multinomial": Multinomial()}[name]
        if name != "gaussian" and len(torch.unique(target)) < (2 if name == "binomial" else 3):
            return
        penalty = ElasticNet(l1_ratio)
        problem = Problem.build(X, target, loss)
        lambda_ = share * penalty.lambda_max(problem.null[2])
        ours = fit(X, target, loss=loss, penalty=penalty, lambda_=lambda_, tol=1e-9, throw=True)
        coef = torch.from_numpy(_oracle(name, problem.design.Z.numpy(), target.numpy(), lambda_, l1_ratio))
        theirs = certify(problem, penalty, lambda_, coef, problem.logits(coef), ours.intercept)
        assert abs(ours.objective - theirs.objective) <= 1e-6 * abs(ours.objective)
        assert ours.objective <= theirs.objective + 1e-9 * ours.null_loss

    check()


def _oracle(name: str, Z: np.ndarray, y: np.ndarray, lambda_: float, l1_ratio: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # renamed arguments of other versions
        if name == "gaussian":
            model = SklearnElasticNet(alpha=lambda_, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(Z, y)
            return np.asarray(model.coef_[:, None])
        model = LogisticRegression(
            C=1 / (len(Z) * lambda_), l1_ratio=l1_ratio, penalty="elasticnet", solver="saga", tol=1e-9, max_iter=50_000
        ).fit(Z, y)
        return np.asarray(model.coef_.T)
