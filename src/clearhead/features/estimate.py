"""What an extraction will cost, before it is begun: shapes, bytes, and time from a few batches."""

from __future__ import annotations

import time

import torch

from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.features.backbone import Backbone
from clearhead.features.batches import load_batch
from clearhead.features.examples import Examples
from clearhead.features.writer import default_shard_rows, resolve_dtype

__all__ = ["estimate_extraction"]


def estimate_extraction(
    backbone: Backbone,
    examples: Examples,
    *,
    batch_size: int = 64,
    dtype: str = "float16",
    batches: int = 2,
) -> Finding:
    """A dry run: nothing is written. Times ``batches`` batches (after one to warm up) drawn evenly from the data.

    ``seconds`` is loading plus the forward pass, one after the other; the extraction overlaps them, so that it takes no
    longer on an idle machine.
    """
    if batches < 1:
        raise SettingError("at least one batch must be timed", got=batches)
    n, p, stored = len(examples), backbone.n_features, resolve_dtype(dtype)
    size = min(batch_size, n)
    starts = [round(i * (n - size) / batches) for i in range(batches + 1)]
    load, forward = 0.0, 0.0
    for number, start in enumerate(starts):
        began = time.perf_counter()
        batch = load_batch(examples, list(range(start, start + size)), backbone.preprocess, skip_unreadable=True)
        loaded = time.perf_counter()
        if batch.rows:
            with torch.inference_mode():
                backbone.features_and_logits(batch.inputs)
        if number:
            load, forward = load + loaded - began, forward + time.perf_counter() - loaded
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
    settings = {"batch_size": batch_size, "dtype": dtype, "model": backbone.source, "device": str(backbone.device)}
    caveats = (f"timed on {rows} examples on this machine as busy as it now is",)
    return Finding("extraction_estimate", "Cost of extraction", sentence, numbers, {}, caveats, settings)


def _spoken(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"
