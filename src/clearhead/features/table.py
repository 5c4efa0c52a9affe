"""The feature table: a folder of safetensors shards, read in blocks through memory maps, and what its rows are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from clearhead.core.artifacts import file_hash, read_json, read_tensors
from clearhead.core.errors import ArtifactError, DataError
from clearhead.core.rows import BLOCK_ROWS, Rows
from clearhead.features.shards import DTYPES, map_matrix
from clearhead.features.sidecar import Sidecar

__all__ = ["DenseHead", "FeatureTable", "View", "from_file"]

SCHEMA = 1
# What has to be copied is copied in pieces that the allocator keeps: larger ones are fresh pages every time.
_COPY_BYTES = 16 << 20


class DenseHead(NamedTuple):
    """The network's own last layer on raw features: ``weight`` (k, p) and ``bias`` (k,), or None."""

    weight: Tensor
    bias: Tensor | None


class FeatureTable:
    """Features of n rows, on disk, with their labels and origins; implements `core.rows.Rows`.

    ``labels`` is int64 (n,), {0, 1} (n, m) for many labels at once, or None; ``prediction`` (the network's own, of the
    live features) has the same form, or is None. ``columns`` holds any further column as an array.

    Examples
    --------
    >>> import tempfile
    >>> table = FeatureTable.from_arrays(tempfile.mkdtemp(), torch.eye(4), [0, 1, 0, 1], dtype="float16")
    >>> table.shape, table.labels.tolist(), table.view([3, 1]).take(torch.tensor([0])).tolist()
    ((4, 4), [0, 1, 0, 1], [[0.0, 0.0, 0.0, 1.0]])
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], sidecar: Sidecar, dense_head: DenseHead | None) -> None:
        self.folder, self.manifest, self.dense_head, self._sidecar = folder, manifest, dense_head, sidecar
        self._shards = [map_matrix(folder / shard["file"]) for shard in manifest["shards"]]
        self._starts = np.cumsum([0] + [len(s) for s in self._shards]).tolist()
        if self._starts[-1] != manifest["n"]:
            raise ArtifactError(
                f"the shards of {folder} do not hold the rows of its manifest",
                got=self._starts[-1],
                expected=manifest["n"],
                fix="delete the folder and extract again",
            )

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> FeatureTable:
        """Open a finished table; ``verify`` also checks every byte of the shards against the manifest's SHA-256."""
        folder = Path(folder)
        manifest = read_json(folder / "manifest.json")
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA or "shards" not in manifest:
            raise ArtifactError(f"{folder} is not a feature table of this version", fix="extract the features again")
        for name, expected in manifest["files"].items():
            _check_file(folder / name, expected, full=verify or not name.startswith("shard-"))
        head = read_tensors(folder / "head.safetensors") if "head.safetensors" in manifest["files"] else None
        dense = DenseHead(head["weight"], head.get("bias")) if head else None
        return cls(folder, manifest, Sidecar.read(folder / "rows.parquet"), dense)

    @classmethod
    def from_arrays(cls, folder: str | Path, features: Any, labels: Any = None, **about: Any) -> FeatureTable:
        """Write features in memory (a tensor, array or `Rows`) as a table and open it.

        ``about`` takes ``dtype`` ("float32" by default) and what `features.writer.About` and `features.sidecar.Sidecar`
        hold: ``class_names``, ``feature_names``, ``uris``, ``texts``, ``columns``, ``prediction``, ``dense_head``,
        ``kind``, ``key``.
        """
        from clearhead.features.writer import write_arrays

        write_arrays(Path(folder), features, labels, **about)
        return cls.open(folder)

    def relabelled(
        self, labels: Tensor, class_names: Sequence[str], *, prediction: Tensor | None, key: str
    ) -> FeatureTable:
        """The same rows under other labels, in memory: no file changes. The network's own head does not apply."""
        manifest = {**self.manifest, "class_names": list(class_names), "key": key}
        return FeatureTable(
            self.folder, manifest, replace(self._sidecar, labels=labels, prediction=prediction), dense_head=None
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return int(self.manifest["n"]), int(self.manifest["p"])

    @property
    def dtype(self) -> torch.dtype:
        """The stored type."""
        return DTYPES[self.manifest["dtype"]]

    @property
    def labels(self) -> Tensor | None:
        """int64 (n,), {0, 1} (n, m), or None."""
        return self._sidecar.labels

    @property
    def prediction(self) -> Tensor | None:
        """The network's own prediction a row, on live features, in the form of ``labels``; None without a head."""
        return self._sidecar.prediction

    @property
    def uris(self) -> list[str]:
        """Where each row came from."""
        return self._sidecar.uris

    @property
    def texts(self) -> list[str] | None:
        """The sentence of each row, for a table of kind "text"."""
        return self._sidecar.texts

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Further columns of the rows: split, group, source, box, …"""
        return self._sidecar.columns

    @property
    def class_names(self) -> list[str]:
        """One name a class (or a label, for many labels at once)."""
        return list(self.manifest["class_names"])

    @property
    def feature_names(self) -> list[str]:
        """One name a feature."""
        return list(self.manifest["feature_names"]) or [f"feature {j}" for j in range(self.shape[1])]

    @property
    def kind(self) -> str:
        """ "image", "text" or "features" (rows without an example to show)."""
        return str(self.manifest["kind"])

    @property
    def key(self) -> str:
        """Content key of what made the table: model, preprocessing, layer, data, stored type."""
        return str(self.manifest["key"])

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """(row range, block) in order, at most ``rows`` rows each; every block is a window on one shard's memory map.

        Blocks end where shards do: joining the parts of two shards would copy them at a tenth of the speed.
        """
        for base, shard in zip(self._starts, self._shards, strict=False):
            for start in range(0, len(shard), rows):
                block = shard[start : start + rows]
                yield slice(base + start, base + start + len(block)), block

    def window(self, start: int, stop: int) -> Tensor:
        """Rows start…stop−1 without a copy, or those of them that lie in the first one's shard."""
        number = bisect_right(self._starts, start) - 1
        base = self._starts[number]
        return self._shards[number][start - base : stop - base]

    def take(self, index: Tensor) -> Tensor:
        """The rows with these numbers, in this order, as an (m, p) tensor in memory."""
        index = torch.as_tensor(index, dtype=torch.int64).cpu()
        if len(self._shards) == 1:
            return self._shards[0][index]
        out = torch.empty((len(index), self.shape[1]), dtype=self.dtype)
        shard = torch.bucketize(index.contiguous(), torch.tensor(self._starts[1:]), right=True)
        for s in sorted(set(shard.tolist())):
            here = (shard == s).nonzero().squeeze(1)
            out[here] = self._shards[s][index[here] - self._starts[s]]
        return out

    def cells(self, index: Tensor, columns: Tensor) -> Tensor:
        """The values of some rows (m,) in some columns (u,), as an (m, u) tensor; what lies beside them is not read."""
        index, columns = (torch.as_tensor(t, dtype=torch.int64).cpu() for t in (index, columns))
        out = torch.empty((len(index), len(columns)), dtype=self.dtype)
        shard = torch.bucketize(index.contiguous(), torch.tensor(self._starts[1:]), right=True)
        for s in sorted(set(shard.tolist())):
            here = (shard == s).nonzero()
            out[here[:, 0]] = self._shards[s][index[here] - self._starts[s], columns]
        return out

    def view(self, index: Any) -> View:
        """A lazy subset of rows: nothing is read until its blocks are."""
        return View(self, index)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n, p = self.shape
        return f"FeatureTable({n} rows × {p} features, {self.manifest['dtype']}, {self.kind}, {str(self.folder)!r})"


class View:
    """Some rows of a table, in a given order, as `Rows`; consecutive row numbers are read without a copy."""

    def __init__(self, table: FeatureTable, index: Any) -> None:
        index = torch.as_tensor(index)
        index = index.nonzero().squeeze(1) if index.dtype is torch.bool else index.to("cpu", torch.int64)
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < table.shape[0]:
            raise DataError(
                "row numbers lie outside the table",
                got=f"{int(index.min())} to {int(index.max())}",
                expected=f"0 to {table.shape[0] - 1}",
            )
        self.table, self.index = table, index

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p)."""
        return len(self.index), self.table.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """The stored type."""
        return self.table.dtype

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """(range of the view's own rows, block) in order, at most ``rows`` rows each."""
        copied = max(1, min(rows, _COPY_BYTES // max(self.shape[1] * self.dtype.itemsize, 1)))
        start = 0
        while start < len(self.index):
            wanted = self.index[start : start + rows]
            first, last = int(wanted[0]), int(wanted[-1])
            if last - first == len(wanted) - 1 and bool((wanted.diff() == 1).all()):
                block = self.table.window(first, last + 1)
            else:
                block = self.table.take(wanted[:copied])
            yield slice(start, start + len(block)), block
            start += len(block)

    def take(self, index: Tensor) -> Tensor:
        """The view's rows with these numbers."""
        return self.table.take(self.index[torch.as_tensor(index, dtype=torch.int64).cpu()])

    def view(self, index: Any) -> View:
        """A subset of this subset."""
        return View(self.table, self.index[torch.as_tensor(index)])


def from_file(
    path: str | Path,
    folder: str | Path,
    *,
    dtype: str | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> FeatureTable:
    """A table from one ``.npz``, ``.safetensors`` or ``.parquet`` file with ``features`` (n, p) and ``labels``.

    The file may also hold ``feature_names``, ``class_names`` and any further column of n values; names given here win.
    ``dtype`` keeps the file's own unless named. See `features.files` for what each format looks like.
    """
    from clearhead.features.files import read_feature_file

    content = read_feature_file(Path(path))
    names = {"feature_names": feature_names, "class_names": class_names}
    content.update({key: list(value) for key, value in names.items() if value is not None})
    return FeatureTable.from_arrays(folder, dtype=dtype, **content)


def subset(rows: Rows, index: Any) -> Rows:
    """A lazy subset of any rows."""
    if isinstance(rows, FeatureTable | View):
        return rows.view(index)
    from clearhead.core.rows import TensorRows

    return TensorRows(rows.take(torch.as_tensor(index, dtype=torch.int64)))


def _check_file(path: Path, expected: dict[str, Any], *, full: bool) -> None:
    found = path.stat().st_size if path.is_file() else None
    if found != expected["bytes"] or (full and file_hash(path) != expected["sha256"]):
        raise ArtifactError(
            f"{path} is not the file that the manifest describes",
            got="nothing" if found is None else f"{found} bytes",
            expected=f"{expected['bytes']} bytes with SHA-256 {expected['sha256'][:12]}…",
            fix="delete it and run the extraction again: whole shards are kept",
        )
