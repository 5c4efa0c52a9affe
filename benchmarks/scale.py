"""Scale: processes, memory, rows and the planner. Each part takes at most five minutes at its default sizes.

    scripts/bench scale                                  # all parts
    scripts/bench scale --part ranks  [--rows 200000 --features 1024 --outputs 10]
    scripts/bench scale --part memory [--gigabytes 12 --budget 3GiB]
    scripts/bench scale --part rows   [--largest 1000000 --features 1024]
    scripts/bench scale --part plan   [--threads 1]
    scripts/bench scale --part steps

ranks: two gloo processes with one thread each against one process with two threads, the same path (bar: 1.15).
memory: a float16 table larger than the budget, five λ's: time over that of its reads in blocks (bar: 1.3), and the
    most anonymous memory over the budget (bar: 1.1).
rows: one gradient of a float16 table against its rows: time a row (bar: within 10 %) and memory beyond the table.
steps: the constants of the planner's formulas for steps and working sets, fitted to paths run now. Not among the parts
    that run unasked.
plan: fits of several sizes against the prediction from speeds measured just before (bar: within 30 %).

Prints a JSON line a result and writes all of them to runs/bench/scale.json. Tables are made under runs/bench/scale/ and
deleted at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clearhead.core import distributed
from clearhead.core.artifacts import read_json, write_json
from clearhead.core.memory import anonymous_memory, parse_bytes, show_bytes
from clearhead.core.rows import BLOCK_ROWS
from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.glm import Multinomial, SolveOptions, fit_path
from clearhead.glm.designs import StreamedDesign
from clearhead.glm.problem import Problem
from clearhead.glm.solvers import prox_newton
from clearhead.runs.measuring import measure
from clearhead.runs.plan import plan
from clearhead.runs.workload import Job, formula_values
from solver import FEATURES, features, synthetic

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "runs" / "bench" / "scale.json"
HOME = ROOT / "runs" / "bench" / "scale"


class Clustered:
    """Half-precision ReLU features of clustered inputs, made block by block: a class a cluster, any number of rows."""

    dtype = torch.float16

    def __init__(self, rows: int, features: int, classes: int) -> None:
        self.shape = (rows, features)
        generator = torch.Generator().manual_seed(0)
        self.centres = torch.randn(classes, features, generator=generator) * 0.5
        self.noise = torch.randn(BLOCK_ROWS, features, generator=generator)
        self.labels = torch.randint(classes, (rows,), generator=generator)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, torch.Tensor]]:
        for number, start in enumerate(range(0, self.shape[0], rows)):
            stop = min(start + rows, self.shape[0])
            noise = self.noise.roll(number * 37 + 1, 1)[: stop - start]
            yield slice(start, stop), (self.centres[self.labels[start:stop]] + noise).relu_().half()

    def take(self, index: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("these rows are only read in order")


def table_of(rows: int, features: int, classes: int) -> tuple[FeatureTable, torch.Tensor]:
    made = Clustered(rows, features, classes)
    shutil.rmtree(HOME, ignore_errors=True)
    return FeatureTable.from_arrays(HOME / "table", made, made.labels, dtype="float16"), made.labels


def ranks(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Alternating, so that what else runs falls on both."""
    worker = [str(Path(__file__).resolve()), "--worker", str(a.rows), str(a.features), str(a.outputs)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    forms = {"two processes": (launcher, "1"), "one process": ([], "2")}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    objectives: dict[str, list[float]] = {}
    for turn in range(a.repeats):
        for name in sorted(forms, reverse=turn % 2 == 1):
            prefix, threads = forms[name]
            done = subprocess.run(
                [sys.executable, *prefix, *worker],
                env={**os.environ, "OMP_NUM_THREADS": threads},
                check=True,
                capture_output=True,
                text=True,
            )
            said = json.loads(done.stdout.strip().splitlines()[-1])
            seconds[name].append(said["seconds"])
            objectives[name] = said["objectives"]
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    apart = max(abs(x - y) for x, y in zip(*objectives.values(), strict=True))
    yield {
        "n": a.rows,
        "p": a.features,
        "k": a.outputs,
        "seconds": seconds,
        "ratio": medians["two processes"] / medians["one process"],
        "bar": 1.15,
        "objectives_apart": apart,
    }


def work(rows: int, features: int, classes: int) -> None:
    """One process of the part ``ranks``: its share of the rows, eight λ's."""
    source = Clustered(rows, features, classes)
    with distributed.group():
        mine = distributed.shard(rows)
        X = torch.empty(mine.stop - mine.start, features)
        for span, block in source.blocks():
            start, stop = max(span.start, mine.start), min(span.stop, mine.stop)
            if start < stop:
                X[start - mine.start : stop - mine.start] = block[start - span.start : stop - span.start]
        y = source.labels[mine]
        few = torch.arange(2 * classes) % classes
        fit_path(torch.rand(2 * classes, 16), few, n_lambdas=2)  # compiles the kernels
        distributed.share(True)
        began = time.perf_counter()
        path = fit_path(X, y, n_lambdas=8, lambda_min_ratio=0.05, tol=1e-3)
        seconds = time.perf_counter() - began
        if distributed.rank() == 0:
            print(json.dumps({"seconds": seconds, "objectives": [s.objective for s in path]}), flush=True)


class Peak:
    """The most anonymous memory of this process while it is open, beyond what there was at the start."""

    def __enter__(self) -> Peak:
        self.start, self.most, self.over = anonymous_memory(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(0.02):
            self.most = max(self.most, anonymous_memory() - self.start)


def memory(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    rows = int(a.gigabytes * 1e9 / (2 * a.features))
    table, labels = table_of(rows, a.features, a.outputs)
    budget = parse_bytes(a.budget)
    few = torch.arange(2 * a.outputs) % a.outputs
    fit_path(torch.rand(2 * a.outputs, 16), few, n_lambdas=2)
    read = min(_block_reads(table) for _ in range(2))
    with Peak() as peak:
        began = time.perf_counter()
        options = SolveOptions(memory=budget)
        path = fit_path(table, labels, n_lambdas=5, lambda_min_ratio=0.1, tol=1e-3, options=options)
        seconds = time.perf_counter() - began
    reads = sum(s.info["reads"] for s in path) + 2  # the standardiser's pass, and that of the model without features
    yield {
        "n": rows,
        "p": a.features,
        "k": a.outputs,
        "table": show_bytes(2 * rows * a.features),
        "budget": show_bytes(budget),
        "seconds": seconds,
        "reads": reads,
        "one_read_seconds": read,
        "ratio": seconds / (read * reads),
        "bar": 1.3,
        "anonymous": show_bytes(peak.most),
        "anonymous_over_budget": peak.most / budget,
        "statuses": {s.name: n for s, n in path.statuses().items()},
    }


def _block_reads(table: FeatureTable) -> float:
    """Seconds to read every block of the table once, every byte of it."""
    began = time.perf_counter()
    for _, block in table.blocks():
        np.add.reduce(block.numpy().view(np.uint16), axis=None)
    return time.perf_counter() - began


def rows(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    sizes = [n for n in (10_000, 30_000, 100_000, 300_000, 1_000_000) if n <= a.largest]
    first = None
    for n in sizes:
        table, labels = table_of(n, a.features, a.outputs)
        targets = Multinomial().encode(labels, n)
        weight, identity = torch.ones(n), Standardizer.identity(a.features)
        with Peak() as peak:
            design = StreamedDesign(table, identity, weight, float(n), "cpu", 0)
            problem = Problem(design, targets, weight.double(), None, Multinomial(), identity)
            W, b = torch.full((a.features, a.outputs), 1e-3), torch.zeros(a.outputs).double()
            gradient = _gradient(problem, W, b)
            seconds = min(_clocked(lambda call=gradient: call()) for _ in range(a.repeats + 1))  # type: ignore[misc]
        each = seconds / n
        first = first or each
        arrays = 4 * n * (problem.width * 5 + 1) + 8 * n * (a.outputs + 1)
        yield {
            "n": n,
            "p": a.features,
            "k": a.outputs,
            "seconds": seconds,
            "nanoseconds_a_row": 1e9 * each,
            "over_first": each / first,
            "bar": 1.1,
            "anonymous": peak.most,
            "anonymous_beyond_rows_times_outputs": max(peak.most - arrays, 0),
        }


def _gradient(problem: Problem, W: torch.Tensor, b: torch.Tensor) -> Callable[[], torch.Tensor]:
    def gradient() -> torch.Tensor:
        fit = problem.fit(problem.logits(W), b)
        problem.design._last = None  # each repeat reads its rows
        return problem.design.against(fit.theta, problem.n_outputs)

    return gradient


def _clocked(call: Callable[[], Any]) -> float:
    """With one thread, the least affected by what else runs: seconds on the processor."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    call()
    return clock() - began


SIZES = (  # kind, rows, features, classes, λ's, smallest over largest, tol
    ("clustered", 20_000, 256, 5, 60, 1e-2, 1e-3),
    ("sparse head", 30_000, 512, 10, 40, 1e-2, 1e-3),
    ("sparse head", 15_000, 1024, 20, 30, 1e-2, 1e-3),
    ("sparse head", 60_000, 256, 10, 40, 3e-3, 1e-4),
    ("network", 20_000, 1280, 10, 50, 1e-2, 1e-3),
)


def planned(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    roofline = measure(HOME)
    yield {"roofline": roofline.text()}
    for kind, n, p, k, lambdas, ratio, tol in SIZES:
        if kind == "network" and not FEATURES.exists():
            continue
        X, y = _data(kind, n, p, k)
        fit_path(X[: 2 * k, :16], torch.arange(2 * k) % k, n_lambdas=3)
        asked = Job(n, p, k, lambdas=lambdas, lambda_min_ratio=ratio, tol=tol, stored="fp32")
        expected = plan(asked, roofline)
        found: list[Any] = []

        def solve(X: torch.Tensor = X, y: torch.Tensor = y, job: Job = asked, found: list[Any] = found) -> None:
            limits = {"n_lambdas": job.lambdas, "lambda_min_ratio": job.lambda_min_ratio, "tol": job.tol}
            found.append(fit_path(X, y, **limits))

        seconds = _clocked(solve)
        steps = sum(s.n_iter for s in found[0])
        yield {
            "kind": kind,
            "n": n,
            "p": p,
            "k": k,
            "lambdas": lambdas,
            "tol": tol,
            "seconds": seconds,
            "predicted": expected.total,
            "ratio": expected.total / seconds,
            "bar": "0.77 to 1.3",
            "steps": steps,
            "predicted_steps": expected.steps,
            "features_used": [int((s.coef != 0).any(1).sum()) for s in found[0]][-1],
        }


def _data(kind: str, n: int, p: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    if kind == "network":
        return features(n)
    if kind == "clustered":
        made = Clustered(n, p, k)
        return torch.cat([block for _, block in made.blocks()]).float(), made.labels
    X, y = synthetic(n, p, k)
    y[:k] = torch.arange(k)  # every class occurs
    return X, y


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
    for kind, n, p, k, lambdas, ratio, tol in PATHS:
        if kind == "network" and not FEATURES.exists():
            continue
        X, y = _data(kind, n, p, k)
        job = Job(n, p, k, lambdas=lambdas, lambda_min_ratio=ratio, tol=tol)
        with _inner_solves() as solves:
            path = fit_path(X, y, n_lambdas=lambdas, lambda_min_ratio=ratio, tol=tol)
        inner = iter(solves)
        for index, solution in enumerate(path):
            sets = [next(inner, 0) for _ in range(solution.n_iter)]
            if index:
                values.append(formula_values(job, index)[1:])
                counts.append(solution.n_iter)
            if index and 0 < np.mean(sets or [0]) < p:
                places.append(values[-1])
                logits.append(np.log(np.mean(sets) / (p - np.mean(sets))))
        yield {
            "kind": kind,
            "n": n,
            "p": p,
            "k": k,
            "lambdas": lambdas,
            "tol": tol,
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


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "ranks": ranks,
    "memory": memory,
    "rows": rows,
    "plan": planned,
    "steps": steps,
}
UNASKED = ("ranks", "memory", "rows", "plan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(PARTS), action="append")
    parser.add_argument("--rows", type=int, default=50_000, help="of the part ranks; 200000 in full")
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the part memory's table; 12 in full")
    parser.add_argument("--budget", default="500MB", help="of the part memory; 3GiB in full")
    parser.add_argument("--largest", type=int, default=300_000, help="rows of the part rows; 1000000 in full")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
    parser.add_argument("--worker", type=int, nargs=3, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.worker:
        work(*a.worker)
        return
    torch.set_num_threads(a.threads)
    kept = read_json(OUT) if OUT.is_file() else {}
    try:
        for part in a.part or UNASKED:
            results = []
            for result in PARTS[part](a):
                results.append({**result, "threads": a.threads, "load": round(os.getloadavg()[0], 1)})
                print(json.dumps({"part": part, **results[-1]}), flush=True)
            kept[part] = results
            write_json(OUT, kept)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
