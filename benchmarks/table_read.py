"""Reading a feature table in blocks against one raw memory map of the same bytes: 1M × 2,048 fp16, 4 GB, by default.

    scripts/bench table_read [--rows 1000000 --features 2048 --threads 2 --repeats 3]

The table is made under runs/bench/ and deleted at the end. Which of the two is read first alternates, so that neither
finds the other's pages; where memory holds both copies every read after the first is warm. Needs twice the table's size
on disk. Prints one JSON object with the ratio of medians (``table_over_raw``; the bar is 0.80).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from clearhead.core.rows import BLOCK_ROWS
from clearhead.features.table import FeatureTable

HOME = Path(__file__).resolve().parent.parent / "runs" / "bench" / "table_read"


class Noise:
    """Rows of random half-precision numbers, the same block again and again."""

    dtype = torch.float16

    def __init__(self, rows: int, features: int) -> None:
        self.shape = (rows, features)

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[tuple[slice, torch.Tensor]]:
        rows, features = self.shape
        block = torch.rand(size, features, generator=torch.Generator().manual_seed(0)).half()
        for start in range(0, rows, size):
            stop = min(start + size, rows)
            yield slice(start, stop), block[: stop - start]

    def take(self, index: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def gigabytes(blocks: Iterable[np.ndarray]) -> float:
    """GB a second of touching every byte once (over 64-bit words)."""
    started, total, size = time.perf_counter(), 0, 0
    for block in blocks:
        words = np.ascontiguousarray(block).reshape(-1).view(np.int64)
        total ^= int(np.bitwise_xor.reduce(words))
        size += block.nbytes
    return size / (time.perf_counter() - started) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        print(json.dumps(measure(a.rows, a.features, a.repeats), indent=1))
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def measure(rows: int, features: int, repeats: int) -> dict[str, object]:
    """GB a second of either, in alternating order."""
    table = FeatureTable.from_arrays(HOME / "table", Noise(rows, features), dtype="float16")
    with open(HOME / "raw.bin", "wb") as file:
        for _, block in table.blocks():
            file.write(block.numpy().tobytes())
    raw = np.memmap(HOME / "raw.bin", np.float16, "r", shape=(rows, features))
    readers = {
        "raw": lambda: gigabytes(raw[s : s + BLOCK_ROWS] for s in range(0, rows, BLOCK_ROWS)),
        "table": lambda: gigabytes(block.numpy() for _, block in table.blocks()),
    }
    speeds: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(2 * repeats):
        for name in sorted(readers, reverse=turn % 2 == 1):
            speeds[name].append(readers[name]())
    medians = {name: float(np.median(values)) for name, values in speeds.items()}
    return {
        "what": "reading in blocks, GB a second",
        "rows": rows,
        "features": features,
        "threads": torch.get_num_threads(),
        **{name: [round(v, 2) for v in values] for name, values in speeds.items()},
        "table_over_raw": round(medians["table"] / medians["raw"], 3),
    }


if __name__ == "__main__":
    main()
