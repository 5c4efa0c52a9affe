"""Scale: processes, memory, rows and the planner. Each part takes at most five minutes at its default sizes.

    scripts/bench scale                                  # all parts
    scripts/bench scale --part ranks  [--rows 200000 --features 1024 --outputs 10]
    scripts/bench scale --part table  --home /tmp/scale --gigabytes 12    # makes the next part's table, and keeps it
    scripts/bench scale --part memory --home /tmp/scale [--gigabytes 12 --budget 3GiB]
    scripts/bench scale --part rows   [--largest 1000000 --features 1024]
    scripts/bench scale --part classes
    scripts/bench scale --part plan   [--threads 1]
    scripts/bench scale --part steps

ranks: two gloo processes with one thread each against one process with two threads, the same path (bar: 1.15).
memory: a float16 table larger than the budget, five λ's: time over that of its reads in blocks (bar: 1.3), and the
    most anonymous memory over the budget (bar: 1.1).
rows: one gradient of a float16 table against its rows: time a row (bar: within 10 %) and memory beyond the table.
classes: logits made anew by blocks against logits that are held; 20,000 classes within 2 GiB.
plan: fits of several sizes against the prediction from speeds measured just before (bar: within 30 %).
steps: the constants of the planner's formulas for steps and working sets, fitted to paths run now. Not among the parts
    that run unasked.

Prints a JSON line a result and writes all of them to runs/bench/scale.json. Tables are made under --home and deleted at
the end, unless --keep.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from clearhead.core.artifacts import read_json, write_json
from scale_classes import classes
from scale_memory import memory, rows, table
from scale_plan import planned, steps
from scale_ranks import ranks

BENCH = Path(__file__).resolve().parents[1] / "runs" / "bench"
OUT = BENCH / "scale.json"

PARTS: dict[str, Callable[[argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "ranks": ranks,
    "table": table,
    "memory": memory,
    "rows": rows,
    "classes": classes,
    "plan": planned,
    "steps": steps,
}
UNASKED = ("ranks", "memory", "rows", "classes", "plan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(PARTS), action="append")
    parser.add_argument("--rows", type=int, default=50_000, help="of the part ranks; 200000 in full")
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the part memory's table; 12 in full")
    parser.add_argument("--budget", default="500MB", help="of the part memory; 3GiB in full")
    parser.add_argument("--ratio", type=float, default=0.5, help="of the part memory: smallest λ over the largest")
    parser.add_argument("--limit", type=float, default=300.0, help="of the part memory: seconds after which it stops")
    parser.add_argument("--largest", type=int, default=300_000, help="rows of the part rows; 1000000 in full")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
    parser.add_argument("--home", type=Path, default=BENCH / "scale", help="where tables are made")
    parser.add_argument("--keep", action="store_true", help="keep the tables")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    kept = read_json(OUT) if OUT.is_file() else {}
    try:
        for part in a.part or UNASKED:
            results = []
            for result in PARTS[part](a):
                results.append({**result, "threads": a.threads, "load": round(os.getloadavg()[0], 1)})
                print(json.dumps({"part": part, **results[-1]}), flush=True)
                write_json(OUT, {**kept, part: results})
            kept[part] = results
    finally:
        if not a.keep and a.part != ["table"]:
            shutil.rmtree(a.home, ignore_errors=True)


if __name__ == "__main__":
    main()
