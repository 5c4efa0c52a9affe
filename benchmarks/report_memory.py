"""The most memory that making the report's page holds beside what it is given, in a process of its own.

    python benchmarks/report_memory.py [--run runs/tiny] [--examples 2000 10000] [--json]

Without ``--run`` the page is of ImageNet's size (`benchmarks/report.py`), its activations on disk as a run's are. With
it, the page of a real run is made again, into a temporary folder; what the run itself holds (paths, heads, findings) is
not counted. Anonymous memory is counted, torch's and malloc's as well; files that are mapped are not.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.report.page import write_report
from clearhead.report.stored import StoredValues
from report import imagenet_sized

EVERY_S = 0.001


def anonymous() -> float:
    """Megabytes of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000


def growth(work: Callable[[], Any]) -> float:
    """By how many megabytes the process grew at most while it worked, looked at every millisecond."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before, most, done = anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], anonymous())
            time.sleep(EVERY_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return most[0] - before


def keep(folder: Path, n: int) -> None:
    """Write the activations of the made-up run as a table."""
    bundle = imagenet_sized(n)
    FeatureTable.from_arrays(folder, torch.as_tensor(np.asarray(bundle.examples.values)), bundle.examples.labels)


def made_up(folder: Path) -> dict[str, float]:
    table = FeatureTable.open(folder)
    n, p = table.shape
    values = StoredValues(table, np.arange(n), np.arange(p), Standardizer.identity(p))
    bundle = imagenet_sized(n, values=values)
    return measured(lambda out: write_report(bundle, out))


def real(folder: Path) -> dict[str, float]:
    from clearhead.runs import paging
    from clearhead.runs.run import Run

    run = Run(folder)
    _ = run.table, run.paths, run.head, run.dense, run.findings, run.split
    return measured(lambda out: write_report(paging.bundle(run), out))


def measured(make: Callable[[Path], Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        small = imagenet_sized(60, 40, 5, 90)
        write_report(small, Path(scratch) / "warm")  # what is imported when it is first needed
        began = time.perf_counter()
        return {"peak_mb": growth(lambda: make(Path(scratch) / "page")), "seconds": time.perf_counter() - began}


def alone(*arguments: object) -> dict[str, float]:
    """The same measurement by a fresh process."""
    command = [sys.executable, __file__, *map(str, arguments), "--json"]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def by_size(sizes: list[int]) -> dict[str, dict[str, float]]:
    rows = {}
    for n in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            keep(Path(scratch) / "features", n)
            rows[f"{n} examples"] = alone("--table", Path(scratch) / "features")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--table", type=Path, help="a table that this command kept before")
    parser.add_argument("--examples", type=int, nargs="*", default=[2000, 10_000])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.run:
        row: dict[str, Any] = real(arguments.run)
    else:
        row = made_up(arguments.table) if arguments.table else by_size(arguments.examples)
    print(json.dumps(row) if arguments.json else "\n".join(f"{name:16s} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
