"""From batches of features to the files of a table: shards with the network's own predictions, then the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.features.backbone import Backbone, predict
from clearhead.features.batches import Batch
from clearhead.features.job import Work
from clearhead.features.shards import dtype_name, read_header, read_small
from clearhead.features.sidecar import Sidecar
from clearhead.features.table import DenseHead
from clearhead.features.writer import About, TableWriter, store

__all__ = ["finish", "write_shard"]


def write_shard(work: Work, writer: TableWriter, number: int, parts: list[tuple[Batch, Tensor, Tensor | None]]) -> None:
    """Write the features of a shard's batches in row order, with the network's predictions where its classes fit."""
    rows = torch.tensor([row for batch, *_ in parts for row in batch.rows], dtype=torch.int64)
    order = rows.argsort()
    small = {"row": rows[order]}
    if not parts:
        features = torch.empty((0, writer.p), dtype=writer.dtype)
    else:
        features = store(torch.cat([f for _, f, _ in parts]), writer.dtype)[order]
    index = work.alignment.index
    if index is not None:
        live = [logits for *_, logits in parts if logits is not None]
        small |= _predictions(work, features, torch.cat(live).cpu()[order] if live else None, index)
    writer.write(number, features, small)


def _predictions(work: Work, features: Tensor, live: Tensor | None, index: Tensor) -> dict[str, Tensor]:
    if live is None:
        return {"prediction": torch.empty((0, len(index)) if work.many else 0, dtype=torch.int64)}
    own = predict(live[:, index].float(), many=work.many)
    weight, bias = _head(work.backbone, index)
    again = predict(torch.nn.functional.linear(features.float(), weight, bias), many=work.many)
    changed = (own != again).reshape(len(own), -1).any(1).sum()
    return {"prediction": own, "changed": changed.reshape(1).long()}


def _head(backbone: Backbone, index: Tensor) -> tuple[Tensor, Tensor | None]:
    assert backbone.weight is not None
    bias = None if backbone.bias is None else backbone.bias.cpu().float()[index]
    return backbone.weight.cpu().float()[index], bias


def finish(work: Work, writer: TableWriter, notes: dict[str, Any]) -> None:
    """Make the table of all shards: from then on it can be opened."""
    examples, backbone, index = work.examples, work.backbone, work.alignment.index
    paths = [writer.path(i) for i in range(work.shards)]
    kept = torch.cat([read_small(path, "row") for path in paths])
    prediction = None if index is None else torch.cat([read_small(path, "prediction") for path in paths])
    numbers = kept.tolist()
    missing = sorted(set(range(len(examples))) - set(numbers))
    if not numbers:
        raise DataError("not one of the examples could be read", got=f"{len(examples)} examples")
    sidecar = Sidecar(
        n=len(numbers),
        labels=None if examples.labels is None else examples.labels[kept],
        prediction=prediction,
        uris=[examples.uris[i] for i in numbers],
        texts=[str(examples[i]) for i in numbers] if examples.kind == "text" else None,
        columns={name: values[kept.numpy()] for name, values in examples.columns.items()},
    )
    notes = {
        **notes,
        "model": backbone.source,
        "model_key": backbone.key,
        "data_key": examples.key,
        "feature_layer": backbone.feature_layer,
        "head_layer": backbone.head_layer,
        "identity_error": backbone.identity_error,
        "classes": work.alignment.note,
        "changed_predictions": None if index is None else _changed(paths),
        "skipped": [examples.uris[i] for i in missing],
        "batch_size": work.batch_size,
        "shard_rows": work.shard_rows,
        "stored": dtype_name(writer.dtype),
        "computed": work.options.amp or "float32",
    }
    about = About(
        kind=examples.kind,
        key=writer.job,
        class_names=work.alignment.class_names,
        dense_head=None if index is None else DenseHead(*_head(backbone, index)),
        notes=notes,
    )
    writer.finish(work.shards, sidecar, about)


def _changed(paths: list[Path]) -> int:
    return sum(int(read_small(p, "changed")) for p in paths if "changed" in read_header(p).tensors)
