"""Text tables: CSV, TSV (also gzipped) and Parquet with a text column and one or several label columns."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from clearhead.core.artifacts import file_hash
from clearhead.core.errors import DataError, SettingError, UntrustedError
from clearhead.features.examples import Examples

__all__ = ["MAX_CELL", "is_table", "read_columns", "text_table"]

MAX_CELL = 1_000_000
_TEXT = ("text", "sentence", "comment_text", "content", "review", "comment")
_LABEL = ("label", "labels", "target", "class", "y", "sentiment")


def is_table(path: Path) -> bool:
    """Whether the file's name is that of a table."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".csv", ".tsv", ".parquet"))


def text_table(
    path: Path,
    *,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Examples:
    """Sentences of a table; several label columns (a sequence, or names joined by commas) are many labels at once.

    A ``.tsv`` is read without quoting, as GLUE's are; a ``.csv`` with it. Other columns are carried along.
    """
    columns = read_columns(path)
    text = _named(columns, text_column, _TEXT, path, "--text-column")
    wanted = label_column.split(",") if isinstance(label_column, str) else list(label_column or [])
    labels = [_named(columns, name.strip(), (), path, "--label-column") for name in wanted]
    labels = labels or [_named(columns, None, _LABEL, path, "--label-column")]
    if len(labels) == 1:
        coded, names = code_labels(columns[labels[0]], path, class_names)
    else:
        coded, names = _many(columns, labels, path), list(class_names or labels)
    texts = [str(value) for value in columns[text]]
    rest = {name: numbers(values) for name, values in columns.items() if name not in (text, *labels)}
    return Examples(
        texts.__getitem__,
        len(texts),
        kind="text",
        labels=coded,
        class_names=names,
        uris=[f"{path.name}:{i}" for i in range(len(texts))],
        columns=rest,
        key=f"{file_hash(path)[:16]}:{text}:{','.join(labels)}:{','.join(names)}",
    )


def read_columns(path: Path) -> dict[str, list[Any]]:
    """All columns of a table by name."""
    if path.name.lower().endswith(".parquet"):
        return _read_parquet(path)
    rows = _rows(path)
    try:
        header = next(rows)
    except StopIteration:
        raise DataError(f"{path} is empty", expected="a header line, then one row a line") from None
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise DataError(f"{path} has several columns of one name", got=", ".join(sorted(repeated)))
    columns: dict[str, list[Any]] = {name: [] for name in header}
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(f"row {number} of {path} has another number of cells", got=len(row), expected=len(header))
        for name, cell in zip(header, row, strict=True):
            columns[name].append(cell)
    if not columns[header[0]]:
        raise DataError(f"{path} has a header and no rows")
    return columns


def _rows(path: Path) -> Iterator[list[str]]:
    tabs = path.name.lower().removesuffix(".gz").endswith(".tsv")
    try:
        with _open(path) as file:
            yield from csv.reader(
                _lines(file, path),
                delimiter="\t" if tabs else ",",
                quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
            )
    except csv.Error as error:
        if "field limit" in str(error):
            raise _giant(path) from error
        raise DataError(f"{path} is not a readable table", got=error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8", got=error, fix="save it as UTF-8") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read", got=error) from error


def _open(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    # A line is never longer in memory than the limit, however long the file says it is.
    while line := file.readline(MAX_CELL):
        if len(line) >= MAX_CELL and not line.endswith("\n"):
            raise _giant(path)
        yield line


def _giant(path: Path) -> UntrustedError:
    return UntrustedError(
        f"{path} holds a cell too long to be a text",
        expected=f"at most {min(MAX_CELL, csv.field_size_limit()):,} characters",
        fix="a quotation mark that is never closed? cut or remove that row",
    )


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return dict(pq.read_table(path).to_pydict())
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is not a readable Parquet file", got=error) from error


def _named(columns: dict[str, Any], name: str | None, guesses: Sequence[str], path: Path, flag: str) -> str:
    found = [guess for guess in guesses if guess in columns] if name is None else [name] * (name in columns)
    if not found:
        what = f"no column {name!r}" if name else "no column that is plainly the one wanted"
        raise DataError(f"{path} has {what}", got=", ".join(columns), fix=f"name one of these with {flag}")
    return found[0]


def code_labels(values: Sequence[Any], path: Path, names: Sequence[str] | None = None) -> tuple[np.ndarray, list[str]]:
    """Class numbers and names of one label column: numbers in numeric order, anything else in alphabetical order."""
    texts = [_label(value) for value in values]
    missing = next((i for i, text in enumerate(texts) if not text), None)
    if missing is not None:
        raise DataError(f"row {missing + 2} of {path} has no label", fix="fill it in or drop the row")
    found = sorted(set(texts))
    if all(text.lstrip("-").isdigit() for text in found):
        found.sort(key=int)
    if names is None or set(found) <= set(names):
        known = list(names or found)
        return np.array(_look_up(texts, known)), known
    # Names for numbered classes: "0" is the first name.
    if all(text.isdigit() and int(text) < len(names) for text in found):
        return np.array([int(text) for text in texts]), list(names)
    raise SettingError("class names do not match labels", got=", ".join(found[:8]), expected=", ".join(names[:8]))


def _look_up(texts: list[str], known: list[str]) -> list[int]:
    number = {name: c for c, name in enumerate(known)}
    return [number[text] for text in texts]


def _label(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _many(columns: dict[str, list[Any]], labels: list[str], path: Path) -> np.ndarray:
    allowed = {"0": 0, "1": 1, "False": 0, "True": 1}
    out = np.empty((len(columns[labels[0]]), len(labels)), np.int64)
    for c, name in enumerate(labels):
        for i, value in enumerate(columns[name]):
            text = _label(value)
            if text not in allowed:
                raise DataError(
                    f"row {i + 2} of {path}: the label {name!r} must be 0 or 1",
                    got=repr(text),
                    fix="drop such rows (Kaggle marks rows that were not scored by -1)",
                )
            out[i, c] = allowed[text]
    return out


def numbers(values: Sequence[Any]) -> np.ndarray:
    """A column as integers or floats where every cell is one, else as text."""
    array = np.asarray(values)
    if array.dtype.kind in "iufb":
        return array
    texts = ["" if value is None else str(value) for value in values]
    for kind in (np.int64, np.float64):
        try:
            converted: np.ndarray = np.array([kind(text) for text in texts])
        except (ValueError, OverflowError):
            continue
        # "007" is a name, not the number 7.
        if kind is np.float64 or all(str(v) == t for v, t in zip(converted.tolist(), texts, strict=True)):
            return converted
    return np.array(texts)
