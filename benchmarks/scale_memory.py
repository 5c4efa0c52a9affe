"""Tables larger than memory: a path against its own block reads, and one gradient against the number of rows."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from clearhead.core.memory import anonymous_memory, parse_bytes, show_bytes
from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.glm import Multinomial, SolveOptions, fit_path
from clearhead.glm.designs import StreamedDesign
from clearhead.glm.kernels.threads import threads_for_rows
from clearhead.glm.problem import Problem
from clearhead.glm.solution import Solution
from scale_data import table_of

__all__ = ["clocked", "memory", "rows", "table"]


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


def table(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The table of the part ``memory``, to be measured later."""
    made, _ = _large(a)
    yield {"n": made.shape[0], "p": made.shape[1], "table": show_bytes(2 * made.shape[0] * made.shape[1])}


def _large(a: argparse.Namespace) -> tuple[FeatureTable, torch.Tensor]:
    return table_of(a.home, int(a.gigabytes * 1e9 / (2 * a.features)), a.features, a.outputs)


def memory(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    table, labels = _large(a)
    rows = table.shape[0]
    budget = parse_bytes(a.budget)
    few = torch.arange(2 * a.outputs) % a.outputs
    fit_path(torch.rand(2 * a.outputs, 16), few, n_lambdas=2)
    # As much memory as the path will have is held meanwhile, so that the system keeps no more of the table then.
    ballast = torch.ones(budget, dtype=torch.uint8)
    read = statistics.median(_block_reads(table) for _ in range(a.repeats))
    del ballast
    with Peak() as peak:
        began = time.perf_counter()
        options = SolveOptions(memory=budget, time_limit=a.limit, callback=_said(read))
        path = fit_path(table, labels, n_lambdas=5, lambda_min_ratio=a.ratio, tol=1e-3, options=options)
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
        "seconds_and_reads_a_lambda": [(s.info["seconds"], s.info["reads"]) for s in path],
        "features_used": [int((s.coef != 0).any(1).sum()) for s in path],
        "anonymous": show_bytes(peak.most),
        "anonymous_over_budget": peak.most / budget,
        "statuses": {s.name: n for s, n in path.statuses().items()},
    }


def _said(read: float) -> Callable[[int, Solution], bool]:
    """Say each λ as it comes, so that a run that is cut off has said what it found."""
    began = time.perf_counter()

    def say(index: int, solution: Solution) -> bool:
        passed = {"after": time.perf_counter() - began, "one_read_seconds": read, "reads": solution.info["reads"]}
        print(json.dumps({"lambda": index, "gap": solution.gap, **passed}), file=sys.stderr, flush=True)
        return False

    return say


def _block_reads(table: FeatureTable) -> float:
    """Seconds to read every block of the table once, every byte of it."""
    began = time.perf_counter()
    for _, block in table.blocks():
        np.bitwise_xor.reduce(block.numpy().reshape(-1).view(np.int64))
    return time.perf_counter() - began


def rows(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    sizes = [n for n in (10_000, 30_000, 100_000, 300_000, 1_000_000) if n <= a.largest]
    first = None
    for n in sizes:
        table, labels = table_of(a.home, n, a.features, a.outputs)
        targets = Multinomial().encode(labels, n)
        weight, identity = torch.ones(n), Standardizer.identity(a.features)
        with Peak() as peak:
            design = StreamedDesign(table, identity, weight, float(n), "cpu", 0)
            problem = Problem(design, targets, weight.double(), None, Multinomial(), identity)
            W, b = torch.full((a.features, a.outputs), 1e-3), torch.zeros(a.outputs).double()
            gradient = _gradient(problem, W, b)
            seconds = min(clocked(lambda call=gradient: call()) for _ in range(a.repeats + 1))  # type: ignore[misc]
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
        with threads_for_rows(True):  # as in a solve
            fit = problem.fit(problem.logits(W), b)
            problem.design._last = None  # each repeat reads its rows
            return problem.design.against(fit.theta, problem.n_outputs)

    return gradient


def clocked(call: Callable[[], Any]) -> float:
    """With one thread, the least affected by what else runs: seconds on the processor."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    call()
    return clock() - began
