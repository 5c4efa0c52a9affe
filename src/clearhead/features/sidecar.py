"""What the rows of a table are: labels, predictions, origins, texts and further columns, as one Parquet file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.artifacts import atomic_path
from clearhead.core.errors import ArtifactError, DataError

__all__ = ["Sidecar", "as_labels"]


def as_labels(labels: Any, n: int | None = None) -> Tensor | None:
    """int64 labels (n,), or {0, 1} (n, m) for many labels at once; `DataError` if they are neither."""
    if labels is None:
        return None
    tensor = torch.as_tensor(np.asarray(labels))
    if tensor.is_floating_point():
        bad = ~(tensor == tensor.round())
        if bool(bad.any()):
            raise DataError(
                "labels must be whole numbers",
                got=f"{tensor[bad][0].item()} in row {int(bad.nonzero()[0, 0])}",
                fix="drop rows without a label; a real-valued target is not a class",
            )
    tensor = tensor.to(torch.int64)
    if n is not None and len(tensor) != n:
        raise DataError("labels do not match rows", got=f"{len(tensor)} labels", expected=f"{n}, one a row")
    if tensor.ndim not in (1, 2):
        raise DataError("labels must be (n,) or (n, m)", got=f"shape {tuple(tensor.shape)}")
    allowed = (tensor >= 0) if tensor.ndim == 1 else ((tensor == 0) | (tensor == 1))
    if not bool(allowed.all()):
        where = (~allowed).nonzero()[0].tolist()
        raise DataError(
            "labels must be 0, 1, 2, … (one label a row) or 0 and 1 (many labels)",
            got=f"{tensor[tuple(where)].item()} in row {where[0]}",
            fix="drop rows that have no label (some data sets mark them by -1)",
        )
    return tensor


@dataclass(frozen=True)
class Sidecar:
    """Per-row facts of a table of n rows; see `FeatureTable` for the meaning of each."""

    n: int
    labels: Tensor | None = None
    prediction: Tensor | None = None
    uris: list[str] = field(default_factory=list)
    texts: list[str] | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {"uris": self.uris, "texts": self.texts, **self.columns}
        for name, values in lengths.items():
            if values is not None and len(values) != self.n:
                raise DataError(f"the column {name!r} does not match the rows", got=len(values), expected=self.n)

    def write(self, path: Path) -> None:
        """Write as Parquet, atomically."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays: dict[str, Any] = {"uri": pa.array(self.uris, pa.string())}
        for name, matrix in (("label", self.labels), ("prediction", self.prediction)):
            if matrix is not None:
                arrays[name] = _arrow(matrix.numpy())
        if self.texts is not None:
            arrays["text"] = pa.array(self.texts, pa.string())
        arrays |= {f"column:{name}": _arrow(values) for name, values in self.columns.items()}
        shapes = {name: list(values.shape[1:]) for name, values in self.columns.items()}
        table = pa.table(arrays).replace_schema_metadata({"shapes": json.dumps(shapes)})
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def read(cls, path: Path) -> Sidecar:
        """Read what `write` wrote."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise ArtifactError(f"{path} cannot be read", got=error, fix="extract the features again") from error
        names = set(table.column_names)
        shapes = json.loads((table.schema.metadata or {}).get(b"shapes", b"{}"))
        columns = {
            name.removeprefix("column:"): _numpy(table[name], shapes.get(name.removeprefix("column:"), []))
            for name in table.column_names
            if name.startswith("column:")
        }
        return cls(
            n=table.num_rows,
            labels=_matrix(table["label"]) if "label" in names else None,
            prediction=_matrix(table["prediction"]) if "prediction" in names else None,
            uris=table["uri"].to_pylist(),
            texts=table["text"].to_pylist() if "text" in names else None,
            columns=columns,
        )


def _arrow(values: np.ndarray) -> Any:
    import pyarrow as pa

    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype.kind in "OUS" else values)
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1])


def _numpy(column: Any, shape: list[int]) -> np.ndarray:
    column = column.combine_chunks()
    if not shape:
        values: np.ndarray = column.to_numpy(zero_copy_only=False)
        return values
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), *shape)


def _matrix(column: Any) -> Tensor:
    import pyarrow as pa

    shape = [column.type.list_size] if pa.types.is_fixed_size_list(column.type) else []
    return torch.from_numpy(_numpy(column, shape).astype(np.int64))
