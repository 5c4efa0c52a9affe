"""How close extraction comes to the bare forward pass, and table reading to a raw memory map.

    python benchmarks/extract_speed.py --what forward --images 4000 --threads 2
    python benchmarks/extract_speed.py --what read --rows 1000000 --features 2048

The first needs the example data (CLEARHEAD_DATA or ../shared/data). Each prints one JSON object. The bare forward pass
and the extraction alternate in one run, at the same number of threads and in the same memory layout; the bare pass is
taken at its best batch size.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "examples"))


def forward(images: int, repeats: int, batch_size: int) -> dict[str, object]:
    """Bare throughput at several batch sizes against extraction of the same images."""
    from clearhead.features import extract, load_backbone, load_examples

    backbone = load_backbone(f"{HERE.parent}/examples/mobilenetv2.py:model_128")
    examples = load_examples(f"{HERE.parent}/examples/tiny_imagenet.py:train").subset(range(images))
    backbone.model.to(memory_format=torch.channels_last)
    bare: dict[int, list[Rate]] = {8: [], 16: [], 32: [], 64: []}
    whole: list[Rate] = []
    for size in bare:
        bare_rate(backbone, examples, size, 2 * size)  # warm-up
    for _ in range(repeats):
        for size, rates in bare.items():
            rates.append(bare_rate(backbone, examples, size, images))
        folder = tempfile.mkdtemp()
        clock = Clock()
        extract(backbone, examples, folder, batch_size=batch_size)
        whole.append(clock.rate(images))
        shutil.rmtree(folder)
    best, best_cpu = (max(median(rates, which) for rates in bare.values()) for which in ("wall", "cpu"))
    return {
        "what": "extraction against the bare forward pass, images a second",
        "images": images,
        "threads": torch.get_num_threads(),
        "bare": {size: [tuple(rate) for rate in rates] for size, rates in bare.items()},
        "extract": [tuple(rate) for rate in whole],
        "wall_ratio_of_medians": round(median(whole, "wall") / best, 3),
        "cpu_ratio_of_medians": round(median(whole, "cpu") / best_cpu, 3),
    }


class Rate(NamedTuple):
    """Images a second of wall time, and of this process's CPU time: the latter is fair on a busy machine."""

    wall: float
    cpu: float


class Clock:
    """Both times since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rate(self, images: int) -> Rate:
        return Rate(
            round(images / (time.perf_counter() - self.wall), 1), round(images / (time.process_time() - self.cpu), 1)
        )


def median(rates: list[Rate], which: str) -> float:
    return float(np.median([getattr(rate, which) for rate in rates]))


def bare_rate(backbone: object, examples: object, size: int, images: int) -> Rate:
    """Images a second of the model alone on one preprocessed batch, as often as ``images`` ask."""
    batch = backbone.preprocess([examples[i] for i in range(size)]).contiguous(memory_format=torch.channels_last)
    passes = max(1, images // size)
    with torch.inference_mode():
        clock = Clock()
        for _ in range(passes):
            backbone.model(batch)
        return clock.rate(passes * size)


def read(rows: int, features: int, repeats: int) -> dict[str, object]:
    """A table's blocks against slices of one raw memory map of the same bytes; both are summed, so both are read."""
    from clearhead.core.rows import BLOCK_ROWS
    from clearhead.features.shards import dtype_name
    from clearhead.features.table import FeatureTable

    folder = Path(tempfile.mkdtemp(dir=HERE.parent / "runs"))

    class Noise:
        shape, dtype = (rows, features), torch.float16

        def blocks(self, size: int = BLOCK_ROWS):
            generator = torch.Generator().manual_seed(0)
            block = torch.rand(size, features, generator=generator).half()
            for start in range(0, rows, size):
                stop = min(start + size, rows)
                yield slice(start, stop), block[: stop - start]

        def take(self, index: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

    try:
        table = FeatureTable.from_arrays(folder / "table", Noise(), dtype="float16")
        with open(folder / "raw.bin", "wb") as file:
            for _, block in table.blocks():
                file.write(block.numpy().tobytes())
        raw = np.memmap(folder / "raw.bin", np.float16, "r", shape=(rows, features))
        speeds: dict[str, list[float]] = {"raw": [], "table": [], "view": []}
        every = table.view(torch.arange(rows))
        for _ in range(repeats):
            speeds["raw"].append(gigabytes(raw[s : s + BLOCK_ROWS] for s in range(0, rows, BLOCK_ROWS)))
            speeds["table"].append(gigabytes(block.numpy() for _, block in table.blocks()))
            speeds["view"].append(gigabytes(block.numpy() for _, block in every.blocks()))
        medians = {name: float(np.median(values)) for name, values in speeds.items()}
        return {
            "what": "reading in blocks, GB a second (pages in memory)",
            "rows": rows,
            "features": features,
            "dtype": dtype_name(table.dtype),
            **{name: [round(v, 2) for v in values] for name, values in speeds.items()},
            "table_over_raw": round(medians["table"] / medians["raw"], 3),
            "view_over_raw": round(medians["view"] / medians["raw"], 3),
        }
    finally:
        shutil.rmtree(folder)


def gigabytes(blocks: object) -> float:
    """GB a second of touching every byte once (a sum over 64-bit words)."""
    started, total, size = time.perf_counter(), 0, 0
    for block in blocks:
        words = np.ascontiguousarray(block).reshape(-1).view(np.int64)
        total ^= int(np.bitwise_xor.reduce(words))
        size += block.nbytes
    return size / (time.perf_counter() - started) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["forward", "read"], required=True)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    result = forward(a.images, a.repeats, a.batch_size) if a.what == "forward" else read(a.rows, a.features, a.repeats)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
