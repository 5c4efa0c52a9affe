"""What an extraction will cost, before it is begun: shapes, bytes, and time from a few batches."""

from __future__ import annotations

import time

from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.features.backbone import Backbone
from clearhead.features.batches import load_batch
from clearhead.features.examples import Examples
from clearhead.features.forward import default_batch_size, forward_pass
from clearhead.features.job import ExtractOptions
from clearhead.features.vision import fastest
from clearhead.features.writer import default_shard_rows, resolve_dtype

__all__ = ["estimate_extraction"]


def estimate_extraction(
    backbone: Backbone,
    examples: Examples,
    *,
    batch_size: int | None = None,
    dtype: str = "float16",
    batches: int = 4,
    options: ExtractOptions | None = None,
) -> Finding:
    """A dry run: nothing is written. Times ``batches`` batches (after one to warm up) drawn evenly from the data.

    ``seconds`` is loading plus the forward pass, one after the other; the extraction overlaps them, so that it takes no
    longer on an idle machine.
    """
    if batches < 1:
        raise SettingError("at least one batch must be timed", got=batches)
    n, p, stored = len(examples), backbone.n_features, resolve_dtype(dtype)
    size = min(batch_size or default_batch_size(backbone), n)
    load, forward = _timed(backbone, examples, size, batches, options or ExtractOptions())
    rows = size * batches
    rows_a_shard = default_shard_rows(n, p, stored.itemsize)
    seconds = (load + forward) / rows * n
    numbers = {
        "n": n,
        "p": p,
        "classes": len(examples.class_names),
        "bytes": n * p * stored.itemsize,
        "shards": -(-n // rows_a_shard),
        "shard_rows": rows_a_shard,
        "load_per_second": round(rows / max(load, 1e-9), 1),
        "forward_per_second": round(rows / max(forward, 1e-9), 1),
        "seconds": seconds,
    }
    sentence = (
        f"{n:,} {examples.kind}s become a table of {n:,} × {p:,} in {dtype} ({numbers['bytes'] / 1e6:,.1f} MB, "
        f"{numbers['shards']} shards), in about {_spoken(seconds)}."
    )
    settings = {"batch_size": size, "dtype": dtype, "model": backbone.source, "device": str(backbone.device)}
    caveats = (f"timed on {rows} examples on this machine as busy as it now is",)
    return Finding("extraction_estimate", "Cost of extraction", sentence, numbers, {}, caveats, settings)


def _timed(
    backbone: Backbone, examples: Examples, size: int, batches: int, options: ExtractOptions
) -> tuple[float, float]:
    """Seconds of loading and of the forward pass of so many batches."""
    starts = [round(i * (len(examples) - size) / batches) for i in range(batches + 1)]
    load = passed = 0.0
    with forward_pass(backbone, options) as forward:
        for number, start in enumerate(starts):
            began = time.perf_counter()
            rows = list(range(start, start + size))
            batch = load_batch(examples, rows, fastest(backbone.preprocess), skip_unreadable=True)
            loaded = time.perf_counter()
            if batch.rows:
                forward(batch.inputs)[0].cpu()  # waits for an accelerator
            if number:
                load, passed = load + loaded - began, passed + time.perf_counter() - loaded
    return load, passed


def _spoken(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"
