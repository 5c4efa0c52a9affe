"""Peers in Python, run by the interpreter of their own environment.

    python solver_other_peers.py FOLDER PEER FAMILY ALPHA LIMIT [SETTING]

Reads ``x.npy`` (standardised), ``y.npy`` and ``lambda.npy`` from FOLDER; writes ``coef.npy`` (m, p, k), ``a0.npy``
(m, k), ``marks.npy``, the seconds at the end of each of the m λ's that were done within LIMIT seconds, and
``reading.json``, the stopwatch. SETTING is the peer's own tolerance. Each is called as its users call it, λ by λ from
the last solution, on two threads.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from solver_clock import Stopwatch


class Clock:
    """Solutions with the seconds at which they were reached."""

    def __init__(self, limit: float) -> None:
        self.limit, self.watch = limit, Stopwatch()
        self.coefs: list[Any] = []
        self.intercepts: list[Any] = []
        self.marks: list[float] = []

    @property
    def seconds(self) -> float:
        return self.watch.seconds

    @property
    def over(self) -> bool:
        return self.seconds > self.limit

    def keep(self, coef: Any, intercept: Any) -> bool:
        """Keep (p, k) weights and (k,) intercepts; whether there is time for another λ."""
        self.marks.append(self.seconds)
        self.coefs.append(np.array(coef, np.float64))
        self.intercepts.append(np.atleast_1d(np.array(intercept, np.float64)).reshape(-1))
        return not self.over


def skglm(X: Any, y: Any, family: str, alpha: float, lambdas: Any, clock: Clock, tol: float | None) -> None:
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic, Quadratic
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import AndersonCD, ProxNewton

    binomial, given = family == "binomial", {} if tol is None else {"tol": tol}
    solver = ProxNewton(warm_start=True, **given) if binomial else AndersonCD(warm_start=True, **given)
    model = GeneralizedLinearEstimator(
        Logistic() if binomial else Quadratic(), L1_plus_L2(float(lambdas[0]), alpha), solver
    )
    target = 2 * y - 1 if binomial else y
    for value in lambdas:
        model.penalty = L1_plus_L2(float(value), alpha)
        model.fit(X, target)
        if not clock.keep(np.reshape(model.coef_, (-1, 1)), model.intercept_):
            break


def adelie(X: Any, y: Any, family: str, alpha: float, lambdas: Any, clock: Clock, tol: float | None) -> None:
    import adelie as ad

    p, k, scale = X.shape[1], 1, 1.0
    if family == "gaussian":
        glm = ad.glm.gaussian(y)
    elif family == "binomial":
        glm = ad.glm.binomial(y)
    else:
        k = int(y.max()) + 1
        glm, scale = ad.glm.multinomial(np.eye(k)[y.astype(int)]), k**-1.5

    def stop(state: Any) -> bool:
        clock.marks.append(clock.seconds)
        return clock.over

    state = ad.grpnet(
        X=np.asfortranarray(X), glm=glm, alpha=alpha, lmda_path=lambdas * scale, early_exit=False,
        progress_bar=False, n_threads=2, exit_cond=stop, **({} if tol is None else {"tol": tol}),
    )  # fmt: skip
    done = len(state.lmdas)
    ended = clock.seconds
    clock.coefs = list(state.betas.toarray().reshape(done, p, k))
    clock.intercepts = list(np.asarray(state.intercepts).reshape(done, k))
    clock.marks = clock.marks[: done - 1] + [ended]  # its condition is asked within a λ too


def cyanure(X: Any, y: Any, family: str, alpha: float, lambdas: Any, clock: Clock, tol: float | None) -> None:
    from cyanure.estimators import Classifier, Regression

    given: dict[str, Any] = {"tol": 1e-3 if tol is None else tol, "warm_start": True, "verbose": False, "n_threads": 2}
    given |= {"penalty": "elasticnet", "fit_intercept": True}
    if family == "gaussian":
        model = Regression(**given)
    else:
        model = Classifier(loss="logistic" if family == "binomial" else "multiclass-logistic", **given)
    for value in lambdas:
        model.set_params(lambda_1=float(alpha * value), lambda_2=float((1 - alpha) * value))
        model.fit(X, y if family == "gaussian" else y.astype(int))
        coef = np.asarray(model.coef_)
        coef = coef.reshape(X.shape[1], -1) if coef.shape[0] == X.shape[1] or coef.ndim == 1 else coef.T
        if not clock.keep(coef, model.intercept_):
            break


def sklearn(X: Any, y: Any, family: str, alpha: float, lambdas: Any, clock: Clock, tol: float | None) -> None:
    from sklearn.linear_model import ElasticNet, LogisticRegression

    given: dict[str, Any] = {"l1_ratio": alpha, "warm_start": True} | ({} if tol is None else {"tol": tol})
    gaussian = family == "gaussian"
    model: Any = ElasticNet(**given) if gaussian else LogisticRegression(solver="saga", penalty="elasticnet", **given)
    for value in lambdas:
        model.set_params(**({"alpha": value} if gaussian else {"C": 1 / (len(X) * value)})).fit(X, y)
        if not clock.keep(model.coef_.T.reshape(X.shape[1], -1), model.intercept_):
            break


def glm_saga(X: Any, y: Any, family: str, alpha: float, lambdas: Any, clock: Clock, tol: float | None) -> None:
    """At the paper's settings: batches of 512, learning rate 0.1, the gradient rule at 1e-4; the grid is its own."""
    import torch
    from glm_saga.elasticnet import IndexedTensorDataset, glm_saga
    from torch.utils.data import DataLoader

    torch.set_num_threads(2)
    torch.manual_seed(0)
    dataset = IndexedTensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y).long())
    loader = DataLoader(dataset, batch_size=512, shuffle=True)

    class Timed:
        def __iter__(self) -> Iterator[Any]:
            if clock.over:
                raise TimeoutError
            return iter(loader)

    k = int(y.max()) + 1
    head = torch.nn.Linear(X.shape[1], k)
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(TimeoutError):
            glm_saga(
                head, Timed(), 0.1, 2000, alpha, n_ex=len(X), n_classes=k, tol=1e-4 if tol is None else tol,
                epsilon=float(lambdas[-1] / lambdas[0]), k=len(lambdas), checkpoint=folder, do_zero=False,
            )  # fmt: skip
        spent = 0.0
        for index in range(len(lambdas)):
            file = Path(folder) / f"params{index}.pth"
            if not file.is_file():
                break
            found = torch.load(file, weights_only=True)
            if abs(float(found["lam"]) / lambdas[index] - 1) > 1e-3:
                raise ValueError(f"its λ is {float(found['lam'])}, not {lambdas[index]}")
            clock.keep(found["weight"].numpy().T, found["bias"].numpy())
            spent += found["time"]
            clock.marks[-1] = spent


def main() -> None:
    folder, peer, family, alpha = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    limit, setting = float(sys.argv[5]), (sys.argv[6:] or [""])[0]
    X, y, lambdas = (np.load(folder / f"{name}.npy") for name in ("x", "y", "lambda"))
    warnings.simplefilter("ignore")
    work, tol = globals()[peer], float(setting) if setting else None
    if peer != "glm_saga":  # import and compile before the clock runs; glm_saga times each λ itself
        some = slice(0, 200)
        work(X[some], y[some], family, alpha, lambdas[:2], Clock(limit), tol)
    clock = Clock(limit)
    work(X, y, family, alpha, lambdas, clock, tol)
    reading = clock.watch.reading()
    np.save(folder / "coef.npy", np.stack(clock.coefs) if clock.coefs else np.empty((0, X.shape[1], 1)))
    np.save(folder / "a0.npy", np.stack(clock.intercepts) if clock.coefs else np.empty((0, 1)))
    np.save(folder / "marks.npy", np.asarray(clock.marks))
    (folder / "reading.json").write_text(json.dumps(reading))


if __name__ == "__main__":
    main()
