"""Two gloo processes with one thread each against one process with two threads, on the same path."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from clearhead.core import distributed
from clearhead.glm import fit_path
from scale_data import Clustered

__all__ = ["ranks", "work"]


def ranks(a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Alternating, so that what else runs falls on both."""
    worker = [str(Path(__file__).resolve()), str(a.rows), str(a.features), str(a.outputs)]
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


if __name__ == "__main__":
    work(*map(int, sys.argv[1:4]))
