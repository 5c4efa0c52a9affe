"""Extraction: one forward pass of the network over the examples, into a feature table, resumable at the shard."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key, read_json, write_json
from clearhead.core.errors import DataError, SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.features import claims
from clearhead.features.assemble import finish, write_shard
from clearhead.features.backbone import Backbone
from clearhead.features.batches import Batch, load_batch, ordered
from clearhead.features.examples import Examples
from clearhead.features.forward import default_batch_size, forward_pass
from clearhead.features.job import ExtractOptions, Work
from clearhead.features.table import FeatureTable
from clearhead.features.vision import fastest
from clearhead.features.writer import (
    HalfOverflowError,
    TableWriter,
    default_shard_rows,
    overflow_note,
    resolve_dtype,
)

__all__ = ["ExtractOptions", "extract"]


def extract(
    backbone: Backbone,
    examples: Examples,
    folder: str | Path,
    *,
    batch_size: int | None = None,
    dtype: str = "float16",
    shard_rows: int | None = None,
    device: str | torch.device | None = None,
    progress: Progress | None = None,
    skip_unreadable: bool = False,
    options: ExtractOptions | None = None,
) -> FeatureTable:
    """Extract the deep features of n examples into a table of (n, p) and open it.

    A finished table of the same network and data is opened as it is; shards that an interrupted run left are kept.
    Several processes given the same job share its shards. Batches never straddle shards, so that an interrupted table
    equals an uninterrupted one bit for bit (with the same ``batch_size``). Half precision that overflows makes the
    whole table float32. The manifest says how many of the network's predictions change when its own head is applied
    to the stored features (``changed_predictions``), and which examples were ``skipped``.

    ``batch_size`` is 32 on a CPU (more is no faster, and takes more memory) and 256 on an accelerator,
    unless given. Raises `DataError` for an unreadable example unless ``skip_unreadable``.
    """
    if batch_size is not None and batch_size < 1:
        raise SettingError("the batch size must be at least 1", got=batch_size)
    if backbone.kind != examples.kind:
        raise DataError(f"the network takes {backbone.kind}s, the data are {examples.kind}s")
    if device is not None:
        backbone.model.to(device)
    stored, folder = resolve_dtype(dtype), Path(folder)
    rows = shard_rows or default_shard_rows(len(examples), backbone.n_features, stored.itemsize)
    options = options or ExtractOptions()
    made_by = (dtype, rows, skip_unreadable, *([] if options.amp is None else [options.amp]))
    job = content_key(backbone.key, examples.key, examples.labels, examples.class_names, *made_by)
    if _is_done(folder, job):
        return FeatureTable.open(folder)
    batch_size = batch_size or default_batch_size(backbone)
    with claims.joined_job(folder, job), forward_pass(backbone, options) as forward:
        work = Work(backbone, examples, folder, batch_size, rows, skip_unreadable, options, forward)
        _run_all(work, job, stored, progress or Silent())
    return FeatureTable.open(folder)


def _is_done(folder: Path, job: str) -> bool:
    path = folder / "manifest.json"
    return path.is_file() and bool(read_json(path).get("key") == job)


def _run_all(work: Work, job: str, dtype: torch.dtype, progress: Progress) -> None:
    note = work.folder / "float32.json"
    started = time.perf_counter()
    if not note.is_file() or read_json(note).get("job") != job:
        with contextlib.suppress(HalfOverflowError):
            writer = TableWriter(work.folder, work.backbone.n_features, dtype, job)
            return _run(work, writer, progress, {}, started)
        write_json(note, {"job": job})
    writer = TableWriter(work.folder, work.backbone.n_features, torch.float32, job)
    return _run(work, writer, progress, {"dtype_note": overflow_note(dtype)}, started)


def _run(work: Work, writer: TableWriter, progress: Progress, notes: dict[str, Any], started: float) -> None:
    progress.start("extract", len(work.examples))
    missing = [i for i in range(work.shards) if not writer.has(i)]
    progress.advance(len(work.examples) - sum(len(work.span(i)) for i in missing), "already there")
    while missing:
        _write_shards(work, writer, missing, progress)
        missing = [i for i in missing if not writer.has(i)]
        if missing:
            time.sleep(work.options.wait)
    handle = None
    while handle is None and not _is_done(work.folder, writer.job):
        handle = claims.claim(work.folder, work.shards)
        if handle is None:
            time.sleep(work.options.wait)
    if handle is not None:
        if not _is_done(work.folder, writer.job):
            finish(work, writer, {**notes, "seconds": round(time.perf_counter() - started, 3)})
        claims.release(handle)
    progress.finish()


def _write_shards(work: Work, writer: TableWriter, missing: list[int], progress: Progress) -> None:
    held: dict[int, int] = {}
    preprocess, examples = fastest(work.backbone.preprocess), work.examples
    tasks = _tasks(work, writer, missing, held)
    made = work.passed(lambda task: load_batch(examples, task[1], preprocess, work.skip_unreadable), tasks)
    parts: list[tuple[Batch, Tensor, Tensor | None]] = []
    try:
        for (number, _, last), batch, passed in made:
            if passed is not None:
                parts.append((replace(batch, inputs=None), *passed))
            progress.advance(len(batch.rows) + len(batch.skipped))
            if last:
                write_shard(work, writer, number, parts)
                parts = []
                claims.release(held.pop(number))
    finally:
        made.close()  # type: ignore[attr-defined]
        for handle in held.values():
            claims.release(handle)


def _tasks(
    work: Work, writer: TableWriter, missing: list[int], held: dict[int, int]
) -> Iterator[tuple[int, list[int], bool]]:
    for number in missing:
        handle = claims.claim(work.folder, number)
        if handle is None:
            continue
        if writer.has(number):
            claims.release(handle)
            continue
        held[number] = handle
        rows = ordered(work.examples, work.span(number))
        starts = range(0, len(rows), work.batch_size)
        for start in starts:
            yield number, rows[start : start + work.batch_size], start == starts[-1]
