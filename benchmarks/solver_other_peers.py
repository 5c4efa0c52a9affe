"""Peers in Python, run by the interpreter of their own environment.

    python solver_other_peers.py FOLDER PEER FAMILY ALPHA

Reads ``x.npy`` (standardised), ``y.npy`` and ``lambda.npy`` from FOLDER; writes ``coef.npy`` (m, p, k) and ``a0.npy``;
prints the seconds. Conventions: benchmarks/solver_peers.py.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def skglm(X: Any, y: Any, family: str, alpha: float, lambdas: Any) -> tuple[Any, Any]:
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic, Quadratic
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import AndersonCD, ProxNewton

    binomial = family == "binomial"
    solver = ProxNewton(warm_start=True) if binomial else AndersonCD(warm_start=True)
    penalty = L1_plus_L2(float(lambdas[0]), alpha)
    model = GeneralizedLinearEstimator(Logistic() if binomial else Quadratic(), penalty, solver)
    target = 2 * y - 1 if binomial else y
    coefs, intercepts = [], []
    for value in lambdas:
        model.penalty = L1_plus_L2(float(value), alpha)
        model.fit(X, target)
        coefs.append(np.array(model.coef_).reshape(-1, 1))
        intercepts.append(np.atleast_1d(np.array(model.intercept_)).reshape(-1))
    return np.stack(coefs), np.stack(intercepts)


def adelie(X: Any, y: Any, family: str, alpha: float, lambdas: Any) -> tuple[Any, Any]:
    import adelie as ad

    p, k, scale = X.shape[1], 1, 1.0
    if family == "gaussian":
        glm = ad.glm.gaussian(y)
    elif family == "binomial":
        glm = ad.glm.binomial(y)
    else:
        k = int(y.max()) + 1
        glm, scale = ad.glm.multinomial(np.eye(k)[y.astype(int)]), k**-1.5
    state = ad.grpnet(
        X=np.asfortranarray(X), glm=glm, alpha=alpha, lmda_path=lambdas * scale, early_exit=False,
        progress_bar=False, n_threads=2,
    )  # fmt: skip
    coefs = state.betas.toarray().reshape(len(lambdas), p, k)
    return coefs, np.asarray(state.intercepts).reshape(len(lambdas), k)


def sklearn(X: Any, y: Any, family: str, alpha: float, lambdas: Any) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression

    coefs, intercepts = [], []
    model = LogisticRegression(solver="saga", penalty="elasticnet", l1_ratio=alpha, warm_start=True)
    for value in lambdas:
        model.set_params(C=1 / (len(X) * value)).fit(X, y)
        coefs.append(model.coef_.T.copy())
        intercepts.append(model.intercept_.copy())
    return np.stack(coefs), np.stack(intercepts)


def main() -> None:
    folder, peer, family, alpha = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    X, y, lambdas = (np.load(folder / f"{name}.npy") for name in ("x", "y", "lambda"))
    warnings.simplefilter("ignore")
    work = {"skglm": skglm, "adelie": adelie, "sklearn": sklearn}[peer]
    if peer == "skglm":  # compile before the clock runs
        some = slice(0, 200)
        work(X[some], y[some], family, alpha, lambdas[:2])
    began = time.perf_counter()
    coefs, intercepts = work(X, y, family, alpha, lambdas)
    seconds = time.perf_counter() - began
    np.save(folder / "coef.npy", coefs)
    np.save(folder / "a0.npy", intercepts)
    print(seconds)


if __name__ == "__main__":
    main()
