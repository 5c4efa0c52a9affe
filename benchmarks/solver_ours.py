"""One row solved by clearhead, in a process of its own: seconds, certificates, reads of the features, peak memory.

    python benchmarks/solver_ours.py ROW TOL REPEATS        # prints one JSON object

The peak is the process's largest resident set during the fits less what it held before the features were read (torch,
compiled kernels); so it counts the caller's features, the standardised copy and all that the solver makes.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from typing import Any

import torch
from torch import Tensor

from clearhead.core.memory import give_back
from clearhead.glm import RegularizationPath, fit_path
from clearhead.glm.problem import Problem
from solver_clock import Stopwatch
from solver_rows import ROWS, Row, grid


def resident() -> int:
    """Bytes of this process that are in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def forget_peak() -> None:
    """The largest resident set so far becomes the present one."""
    give_back()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak() -> int:
    """Bytes of the largest resident set since `forget_peak`."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def warm(row: Row) -> None:
    """A fit of another problem of the same family and number of outputs, so that every kernel is compiled."""
    _, y = row.data()
    k = int(y.max()) + 1 if row.loss.name == "multinomial" else 1
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(max(500, 4 * k), 40, generator=generator)
    target = torch.arange(len(X)) % max(k, 2)
    fit_path(
        X,
        target.double() if row.loss.name == "gaussian" else target,
        loss=row.loss,
        penalty=row.penalty,
        n_lambdas=3,
        lambda_min_ratio=0.5,
    )


def read_seconds(X: Tensor) -> float:
    """Median seconds of one read of X."""
    seconds = []
    for _ in range(15):
        began = time.perf_counter()
        X.sum()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def measured(row: Row, tol: float, repeats: int) -> dict[str, Any]:
    warm(row)
    before = resident()
    X, y = row.data()
    problem = Problem.build(X.double(), y, row.loss)  # the λ's of everyone
    lambdas, null, outputs = grid(problem, row), problem.null[1], problem.n_outputs
    del problem
    forget_peak()
    readings = []
    path: RegularizationPath | None = None
    for _ in range(repeats):
        watch = Stopwatch()
        path = fit_path(X, y, loss=row.loss, penalty=row.penalty, lambdas=lambdas, tol=tol)
        readings.append(watch.reading())
    assert path is not None
    most = peak() - before
    return {
        "solver": "clearhead",
        "tol": tol,
        "shape": [*X.shape, outputs],
        "null_loss": null,
        **{name: statistics.median(r[name] for r in readings) for name in readings[0]},
        "readings": readings,
        "marks": [s.info["seconds"] for s in path],
        "gaps": [s.gap for s in path],
        "objectives": [s.objective for s in path],
        "nonzeros": [s.nonzeros for s in path],
        "steps": [s.n_iter for s in path],
        "reads": [s.info["reads"] for s in path],
        "statuses": {s.name: n for s, n in path.statuses().items()},
        "read_seconds": read_seconds(X),
        "peak_bytes": most,
        "arrays_beyond_features": (most - X.numel() * X.element_size()) / (4 * len(X) * outputs),
    }


def main() -> None:
    torch.set_num_threads(2)
    print(json.dumps(measured(ROWS[sys.argv[1]], float(sys.argv[2]), int(sys.argv[3]))))


if __name__ == "__main__":
    main()
