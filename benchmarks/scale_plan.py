"""The planner's predictions against measured fits, and the constants of its formulas."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from clearhead.glm import fit_path
from clearhead.glm.solvers import prox_newton
from clearhead.runs.measuring import measure
from clearhead.runs.plan import plan
from clearhead.runs.workload import Job, formula_values
from scale_data import data_of
from scale_memory import clocked

__all__ = ["planned", "steps"]

SIZES = (  # kind, rows, features, classes, λ's, smallest over largest, tol
    ("clustered", 20_000, 256, 5, 60, 1e-2, 1e-3),
    ("sparse head", 30_000, 512, 10, 40, 1e-2, 1e-3),
    ("sparse head", 15_000, 1024, 20, 30, 1e-2, 1e-3),
    ("sparse head", 60_000, 256, 10, 40, 3e-3, 1e-4),
    ("network", 20_000, 1280, 10, 50, 1e-2, 1e-3),
)


def planned(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    roofline = measure(a.home)
    yield {"roofline": roofline.text(), "speeds": roofline.as_dict()}
    for kind, asked, X, y in _problems(SIZES):
        fit_path(X[: 2 * asked.k, :16], torch.arange(2 * asked.k) % asked.k, n_lambdas=3)
        expected = plan(asked, roofline)
        found: list[Any] = []

        def solve(X: torch.Tensor = X, y: torch.Tensor = y, job: Job = asked, found: list[Any] = found) -> None:
            found.append(_path(job, X, y))

        seconds = clocked(solve)
        steps = sum(s.n_iter for s in found[0])
        yield {
            **_described(kind, asked),
            "seconds": seconds,
            "predicted": expected.total,
            "predicted_parts": expected.seconds,
            "ratio": expected.total / seconds,
            "bar": "0.77 to 1.3",
            "steps": steps,
            "predicted_steps": expected.steps,
            "features_used": [int((s.coef != 0).any(1).sum()) for s in found[0]][-1],
        }


PATHS = (
    ("sparse head", 5_000, 256, 10, 30, 1e-2, 1e-3),
    ("sparse head", 20_000, 256, 10, 30, 1e-2, 1e-3),
    ("sparse head", 10_000, 1024, 10, 30, 1e-2, 1e-3),
    ("sparse head", 40_000, 512, 5, 30, 1e-2, 1e-3),
    ("sparse head", 10_000, 512, 40, 20, 1e-2, 1e-3),
    ("sparse head", 5_000, 512, 100, 10, 3e-2, 1e-3),
    ("sparse head", 5_000, 256, 10, 100, 1e-3, 1e-4),
    ("sparse head", 10_000, 512, 2, 50, 1e-3, 1e-4),
    ("clustered", 10_000, 256, 8, 40, 1e-2, 1e-3),
    ("clustered", 30_000, 192, 6, 50, 1e-2, 1e-3),
    ("sparse head", 40_000, 200, 8, 40, 3e-3, 1e-4),
    ("network", 10_000, 1280, 10, 30, 1e-2, 1e-3),
    ("network", 5_000, 1280, 10, 30, 3e-2, 1e-4),
)


def steps(_a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Poisson regression of a λ's steps; least squares on the logit of its working set's share (`runs.workload`)."""
    from sklearn.linear_model import LinearRegression, PoissonRegressor

    values: list[tuple[float, ...]] = []
    counts: list[int] = []
    places: list[tuple[float, ...]] = []
    logits: list[float] = []
    for kind, job, X, y in _problems(PATHS):
        with _inner_solves() as solves:
            path = _path(job, X, y)
        inner = iter(solves)
        for index, solution in enumerate(path):
            sets = [next(inner, 0) for _ in range(solution.n_iter)]
            if index:
                values.append(formula_values(job, index)[1:])
                counts.append(solution.n_iter)
            if index and 0 < np.mean(sets or [0]) < job.p:
                places.append(values[-1])
                logits.append(np.log(np.mean(sets) / (job.p - np.mean(sets))))
        yield {
            **_described(kind, job),
            "steps": sum(s.n_iter for s in path),
        }
    poisson = PoissonRegressor(alpha=1e-5, max_iter=5000).fit(values, counts)
    linear = LinearRegression().fit(places, logits)
    for name, model, score in (
        ("STEPS", poisson, poisson.score(values, counts)),
        ("WORKING", linear, linear.score(places, logits)),
    ):
        weights = [round(float(w), 3) for w in (model.intercept_, *model.coef_)]
        yield {"constant": name, "value": weights, "explained": round(float(score), 3)}


def _problems(sizes: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Job, torch.Tensor, torch.Tensor]]:
    """(kind, job, features, labels) of each size whose data are here."""
    for kind, n, p, k, lambdas, ratio, tol in sizes:
        made = data_of(kind, n, p, k)
        if made is not None:
            yield kind, Job(n, p, k, lambdas=lambdas, lambda_min_ratio=ratio, tol=tol, stored="fp32"), *made


def _path(job: Job, X: torch.Tensor, y: torch.Tensor) -> Any:
    return fit_path(X, y, n_lambdas=job.lambdas, lambda_min_ratio=job.lambda_min_ratio, tol=job.tol)


def _described(kind: str, job: Job) -> dict[str, Any]:
    return {"kind": kind, "n": job.n, "p": job.p, "k": job.k, "lambdas": job.lambdas, "tol": job.tol}


@contextlib.contextmanager
def _inner_solves() -> Iterator[list[int]]:
    """The sizes of the working sets of the inner solves made while it is open."""
    sizes: list[int] = []
    original = prox_newton.minimise

    def noted(model: Any, *arguments: Any) -> torch.Tensor:
        sizes.append(len(model.features))
        return original(model, *arguments)

    prox_newton.minimise = noted  # type: ignore[assignment]
    try:
        yield sizes
    finally:
        prox_newton.minimise = original
