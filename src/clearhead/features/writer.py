"""Writing a feature table: shards one by one, then the sidecar, the dense head, and the manifest last of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key, file_hash, lock, write_json, write_tensors
from clearhead.core.errors import ArtifactError, DataError, SettingError
from clearhead.core.rows import BLOCK_BYTES, Rows, as_rows
from clearhead.features.shards import DTYPES, dtype_name, read_header
from clearhead.features.sidecar import Sidecar, as_labels
from clearhead.features.table import SCHEMA, DenseHead

__all__ = ["About", "HalfOverflowError", "TableWriter", "default_shard_rows", "store", "write_arrays"]

_SHARD_BYTES = 1 << 30


class HalfOverflowError(Exception):
    """A finite feature became infinite in the stored type: the table is written again in float32."""


def store(features: Tensor, dtype: torch.dtype) -> Tensor:
    """Features in the stored type, on the CPU; `HalfOverflowError` where a finite value has no finite image."""
    stored = features.detach().to("cpu", dtype)
    if dtype.itemsize < features.dtype.itemsize and not bool(torch.isfinite(stored.sum(dtype=torch.float64))):
        lost = torch.isinf(stored) & torch.isfinite(features.detach().cpu())
        if bool(lost.any()):
            raise HalfOverflowError
    return stored


def resolve_dtype(name: str) -> torch.dtype:
    """The torch type of a stored type's name; `SettingError` if there is no such."""
    if name not in DTYPES:
        raise SettingError("unknown stored type", got=name, expected=", ".join(DTYPES))
    return DTYPES[name]


def default_shard_rows(n: int, p: int, itemsize: int) -> int:
    """About 32 shards, none above 1 GiB: a killed run loses little, and large tables read in whole blocks."""
    rows = -(-n // 32)
    unit = 8192 if rows >= 8192 else 1024
    return max(1, min(-(-rows // unit) * unit, max(_SHARD_BYTES // (p * itemsize) // unit, 1) * unit))


@dataclass(frozen=True)
class About:
    """What a table as a whole is: goes into its manifest."""

    kind: str = "features"
    key: str = ""
    class_names: Sequence[str] = ()
    feature_names: Sequence[str] = ()
    dense_head: DenseHead | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


class TableWriter:
    """Writes shards under a job's key and finishes them into a table; another job's shard is not taken for its own."""

    def __init__(self, folder: Path, p: int, dtype: torch.dtype, job: str) -> None:
        self.folder, self.p, self.dtype, self.job = folder, p, dtype, job

    def path(self, number: int) -> Path:
        """The file of one shard."""
        return self.folder / f"shard-{number:05d}.safetensors"

    def has(self, number: int) -> bool:
        """Whether this job has already written that shard, whole."""
        try:
            header = read_header(self.path(number))
        except ArtifactError:
            return False
        return header.metadata.get("job") == self.job and header.tensors["features"][0] is self.dtype

    def write(self, number: int, features: Tensor, small: Mapping[str, Tensor] | None = None) -> None:
        """Write one shard; ``features`` (rows, p) already in the stored type, ``small`` beside it in the same file."""
        # One key only: safetensors writes several in random order, and equal shards shall be equal files.
        write_tensors(self.path(number), {"features": features, **(small or {})}, {"job": self.job})

    def finish(self, shards: int, sidecar: Sidecar, about: About) -> None:
        """Write sidecar, head and manifest; from then on the folder is a table."""
        self._check(sidecar, about)
        files = {self.path(i).name: read_header(self.path(i)).tensors["features"][1][0] for i in range(shards)}
        sidecar.write(self.folder / "rows.parquet")
        extra = ["rows.parquet"]
        if about.dense_head is not None:
            weight, bias = about.dense_head
            head = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
            write_tensors(self.folder / "head.safetensors", head)
            extra.append("head.safetensors")
        described = {
            name: {"bytes": (self.folder / name).stat().st_size, "sha256": file_hash(self.folder / name)}
            for name in [*files, *extra]
        }
        manifest = {
            "schema": SCHEMA,
            "kind": about.kind,
            "key": about.key or self.job,
            "n": sidecar.n,
            "p": self.p,
            "dtype": dtype_name(self.dtype),
            "class_names": list(about.class_names),
            "feature_names": list(about.feature_names),
            **about.notes,
            "shards": [{"file": name, "rows": rows} for name, rows in files.items()],
            "files": described,
        }
        write_json(self.folder / "manifest.json", manifest)

    def _check(self, sidecar: Sidecar, about: About) -> None:
        names = about.feature_names
        if names and len(names) != self.p:
            raise DataError("feature names do not match features", got=f"{len(names)} names", expected=self.p)
        if sidecar.labels is None or not about.class_names:
            return
        ndim, k = sidecar.labels.ndim, len(about.class_names)
        highest = sidecar.labels.shape[1] if ndim == 2 else int(sidecar.labels.max()) + 1 if sidecar.n else 0
        if highest > k or (ndim == 2 and highest != k):
            raise DataError("class names do not match labels", got=f"{k} names", expected=f"{highest} classes")


def write_arrays(
    folder: Path,
    features: Any,
    labels: Any = None,
    *,
    dtype: str | None = None,
    shard_rows: int | None = None,
    prediction: Any = None,
    **about: Any,
) -> None:
    """Write features in memory (or any `Rows`) as a table; half precision that overflows becomes float32."""
    rows = as_rows(features)
    n, p = rows.shape
    if n == 0 or p == 0:
        raise DataError("there are no features", got=f"{n} rows of {p} features")
    known = as_labels(labels, n)
    per_row = {name: about.pop(name) for name in ("uris", "texts", "columns") if about.get(name) is not None}
    about = {name: value for name, value in about.items() if value is not None}
    per_row.setdefault("uris", [f"row {i}" for i in range(n)])
    if known is not None and "class_names" not in about:
        k = known.shape[1] if known.ndim == 2 else int(known.max()) + 1
        about["class_names"] = [str(c) for c in range(k)]
    if about.get("dense_head") is not None:
        about["dense_head"] = DenseHead(*about["dense_head"])
    sidecar = Sidecar(n, known, as_labels(prediction, n), **per_row)
    asked = rows.dtype if dtype is None else resolve_dtype(dtype)
    with lock(folder):
        (folder / "manifest.json").unlink(missing_ok=True)
        try:
            _write_all(folder, rows, asked, shard_rows, sidecar, about)
        except HalfOverflowError:
            notes = {**about.get("notes", {}), "dtype_note": overflow_note(asked)}
            _write_all(folder, rows, torch.float32, shard_rows, sidecar, {**about, "notes": notes})


def overflow_note(dtype: torch.dtype) -> str:
    """The sentence that a manifest carries when half precision could not hold the features."""
    return f"stored as float32: some features overflow {dtype_name(dtype)}"


def _write_all(
    folder: Path,
    rows: Rows,
    dtype: torch.dtype,
    shard_rows: int | None,
    sidecar: Sidecar,
    about: Mapping[str, Any],
) -> None:
    n, p = rows.shape
    # Nothing is lost here if the run is killed: no shard need be smaller than a block that is read at once.
    whole = -(-BLOCK_BYTES // max(p * dtype.itemsize, 1))
    size = shard_rows or max(default_shard_rows(n, p, dtype.itemsize), whole)
    key, count = [], 0
    writer = TableWriter(folder, p, dtype, job="arrays")
    for _, block in rows.blocks(size):
        stored = store(block, dtype)
        writer.write(count, stored)
        key.append(content_key(stored))
        count += 1
    settings = dict(about)
    settings.setdefault("key", content_key(key, sidecar.labels, dtype_name(dtype)))
    writer.finish(count, sidecar, About(**settings))
