"""How close extraction comes to the bare forward pass: MobileNetV2 at 128², 4,000 images, two threads by default.

    scripts/bench extract_speed [--images 4000 --threads 2 --repeats 3]

Needs the example data (CLEARHEAD_DATA or ../shared/data). Everything alternates in one run, on the same number of
threads and in the same memory layout:

- the bare network on one preprocessed batch again and again, at several batch sizes; the best of them counts. It runs
  as extraction runs it, keeping freed memory, and once more as the C library's defaults have it (``bare_defaults``);
- extraction to a finished table from JPEG files, and from images that are decoded already;
- the cost of loading alone, by its parts, in CPU time on one thread.

Prints one JSON object; ``ratio`` is that of the medians of wall time, the bar is 0.90. Three or four minutes in all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "examples"))
BATCHES = (16, 32, 64)


class Rate(NamedTuple):
    """Images a second of wall time, and of this process's CPU time: the latter is fairer on a busy machine."""

    wall: float
    cpu: float


def rate(images: int, work: Callable[[], Any]) -> Rate:
    """How fast some work goes through its images."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Rate(
        round(images / (time.perf_counter() - wall), 1),
        round(images / (time.process_time() - cpu), 1),
    )


def measure(images: int, repeats: int, batch_size: int) -> dict[str, Any]:
    """Bare passes and extractions in turn, ``repeats`` times."""
    from clearhead.features import extract, in_memory, load_backbone, load_examples
    from clearhead.features.memory import freed_memory_kept

    backbone = load_backbone(f"{HERE.parent}/examples/mobilenetv2.py:model_128")
    files = load_examples(f"{HERE.parent}/examples/tiny_imagenet.py:train").subset(range(images))
    decoded = in_memory([files[i] for i in range(images)], files.labels, files.class_names, key="decoded")
    backbone.model.to(memory_format=torch.channels_last)

    def bare(size: int, count: int) -> None:
        batch = backbone.preprocess([files[i] for i in range(size)]).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            for _ in range(max(1, count // size)):
                backbone.model(batch)

    def extraction(examples: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract(backbone, examples, folder, batch_size=batch_size)

    some, rates = images // 4, {}
    for turn in range(repeats + 1):  # the first is a warm-up
        with freed_memory_kept():
            for size in BATCHES:
                _note(rates, turn, f"bare {size}", rate(some, lambda s=size: bare(s, some)))
        _note(rates, turn, "files", rate(images, lambda: extraction(files)))
        _note(rates, turn, "decoded", rate(images, lambda: extraction(decoded)))
    defaults = {size: rate(some, lambda s=size: bare(s, some)).wall for size in BATCHES}
    return {
        "what": "extraction against the bare forward pass, images a second (wall, CPU)",
        "images": images,
        "threads": torch.get_num_threads(),
        "batch_size": batch_size,
        **{name: [tuple(r) for r in values] for name, values in rates.items()},
        "bare_defaults": defaults,
        "loading_ms": loading(files, backbone.preprocess),
        **ratios(rates),
    }


def _note(rates: dict[str, list[Rate]], turn: int, name: str, value: Rate) -> None:
    if turn:
        rates.setdefault(name, []).append(value)


def ratios(rates: dict[str, list[Rate]]) -> dict[str, Any]:
    """Medians over those of the bare pass at its best batch size."""

    def median(name: str, which: str) -> float:
        return float(np.median([getattr(r, which) for r in rates[name]]))

    made: dict[str, Any] = {}
    for which in ("wall", "cpu"):
        best = max((median(name, which), name) for name in rates if name.startswith("bare"))
        made[f"best_{which}"] = best[1]
        for name in ("files", "decoded"):
            made[f"ratio_{name}_{which}"] = round(median(name, which) / best[0], 3)
    return made


def loading(examples: Any, preprocess: Any, count: int = 512) -> dict[str, float]:
    """CPU milliseconds an image of decoding, of resizing, and of all that the preprocessing does."""
    from clearhead.features.vision import fastest

    images = [examples[i] for i in range(count)]
    parts: dict[str, Iterable[Any]] = {
        "decode": (examples[i] for i in range(count)),
        "resize": (preprocess.shape(image) for image in images),
        "preprocess": (fastest(preprocess)(images[s : s + 16]) for s in range(0, count, 16)),
    }
    return {name: round(1e3 / rate(count, lambda w=work: list(w)).cpu, 4) for name, work in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    print(json.dumps(measure(a.images, a.repeats, a.batch_size), indent=1))


if __name__ == "__main__":
    main()
