"""Feature files that people bring: concept scores, latents, embeddings with their labels, in one file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from clearhead.core.artifacts import read_tensors
from clearhead.core.errors import DataError, UntrustedError

__all__ = ["read_feature_file"]

_LABELS = ("labels", "label", "y")
_FEATURES = ("features", "X", "x")


def read_feature_file(path: Path) -> dict[str, Any]:
    """Read ``features`` (n, p), ``labels``, names and further columns from one file.

    - ``.npz``: arrays ``features`` and ``labels``, optional ``feature_names``, ``class_names``; never unpickled.
    - ``.safetensors``: tensors of the same names.
    - ``.parquet``: a list column ``features``, or one numeric column a feature, and a column ``labels`` (or ``label``).

    Arrays with n rows under any other name are carried along as columns.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist", expected="a .npz, .safetensors or .parquet file")
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise DataError(f"{path} is not a feature file", got=path.suffix, expected=", ".join(readers))
    arrays = readers[path.suffix](path)
    return _sort_out(path, arrays)


def _sort_out(path: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    features = next((arrays.pop(name) for name in _FEATURES if name in arrays), None)
    if features is None:
        raise DataError(f"{path} has no features", got=", ".join(arrays) or "nothing", expected="an array 'features'")
    if features.ndim != 2:
        raise DataError("features must be a matrix", got=f"shape {tuple(features.shape)}", expected="(rows, features)")
    content: dict[str, Any] = {"features": features}
    content["labels"] = next((arrays.pop(name) for name in _LABELS if name in arrays), None)
    for name in ("feature_names", "class_names"):
        if name in arrays:
            content[name] = [str(value) for value in arrays.pop(name)]
    names = content["labels"]
    if names is not None and np.asarray(names).dtype.kind in "OUS":
        found, coded = np.unique(np.asarray(names).astype(str), return_inverse=True)
        content["labels"], content["class_names"] = coded, [str(name) for name in found]
    columns = {
        name: np.asarray(value) for name, value in arrays.items() if np.ndim(value) and len(value) == len(features)
    }
    columns.pop("prediction", None)
    if "prediction" in arrays:
        content["prediction"] = arrays["prediction"]
    content["columns"] = columns
    return content


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            _must_fit(path, sum(member.file_size for member in archive.zip.infolist()))
            return {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "pickle" in str(error).lower() or "object" in str(error).lower():
            raise UntrustedError(
                f"{path} holds pickled objects, which could execute code; it was not opened",
                fix="save plain numeric or string arrays with numpy.savez",
            ) from error
        raise DataError(f"{path} is not a readable .npz file", got=error) from error
    except MemoryError as error:
        raise _too_large(path, str(error)) from error
    except (OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file", got=error, fix="write it again") from error


def _must_fit(path: Path, size: int) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise _too_large(path, f"{size / 1e9:.1f} GB, on a machine with {memory / 1e9:.1f} GB of memory")


def _too_large(path: Path, got: str) -> UntrustedError:
    return UntrustedError(
        f"the arrays of {path} do not fit in memory; they were not read",
        got=got,
        fix="remove it, or if it is your own use a machine with more memory",
    )


def _read_safetensors(path: Path) -> dict[str, Any]:
    return dict(read_tensors(path))


def _read_parquet(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is not a readable Parquet file", got=error, fix="write it again") from error
    if "features" in table.column_names:
        return {name: _column(table[name], path, name) for name in table.column_names}
    labels = [name for name in table.column_names if name in _LABELS]
    numeric = [f.name for f in table.schema if f.name not in labels and pa.types.is_floating(f.type)]
    rest = [name for name in table.column_names if name not in numeric]
    if not numeric:
        return {name: _column(table[name], path, name) for name in rest}
    matrix = np.stack([table[name].to_numpy() for name in numeric], axis=1)
    return {"features": matrix, "feature_names": numeric, **{name: _column(table[name], path, name) for name in rest}}


def _column(column: Any, path: Path, name: str) -> np.ndarray:
    import pyarrow as pa

    if not (pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)):
        values: np.ndarray = column.to_numpy()
        return values
    lengths = set(column.combine_chunks().value_lengths().to_pylist())
    if len(lengths) != 1:
        raise DataError(f"the rows of {name!r} in {path} differ in length", got=f"{len(lengths)} different lengths")
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(-1, lengths.pop())
