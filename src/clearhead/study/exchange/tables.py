"""Answers as JSON lines, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import atomic_path, write_text
from clearhead.core.errors import DataError
from clearhead.study.answers import FIELDS, Answer

__all__ = ["answers_csv", "answers_jsonl", "csv_text", "read_jsonl", "read_parquet", "write_jsonl", "write_parquet"]

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def answers_jsonl(answers: Iterable[Answer]) -> str:
    """One answer a line, in a fixed order of keys: the study's own exchange format."""
    return "".join(json.dumps(a.as_dict(), ensure_ascii=False) + "\n" for a in answers)


def write_jsonl(path: Path, answers: Iterable[Answer]) -> None:
    """Write `answers_jsonl`, atomically."""
    write_text(path, answers_jsonl(answers))


def read_jsonl(path: Path) -> list[Answer]:
    """Read what `write_jsonl` wrote; `DataError` names the line that cannot be read."""
    answers = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            answers.append(Answer.from_dict(json.loads(line)))
        except (json.JSONDecodeError, DataError, TypeError, AttributeError) as error:
            raise DataError(f"line {number} of {path} is not an answer", got=error) from error
    return answers


def csv_text(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV whose cells no spreadsheet takes for a formula: a leading = + - @ is preceded by an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_safe(row.get(name)) for name in names])
    return buffer.getvalue()


def _safe(value: Any) -> str:
    text = "" if value is None else "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not isinstance(value, int | float) else text


def answers_csv(answers: Iterable[Answer], kind: str) -> str:
    """One answer a row, one column a field."""
    names = ["task", "annotator", "surplus", *FIELDS[kind], "seconds", "blurs"]
    rows = ({**a.as_dict(), **a.values} for a in answers)
    return csv_text(names, rows)


def write_parquet(path: Path, answers: Sequence[Answer]) -> None:
    """Every answer as a Parquet row; ``values`` is JSON text, so that all kinds have one schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{**a.as_dict(), "values": json.dumps(dict(a.values), sort_keys=True)} for a in answers]
    schema = pa.schema(
        [
            ("task", pa.string()),
            ("annotator", pa.string()),
            ("values", pa.string()),
            ("surplus", pa.bool_()),
            ("seconds", pa.float64()),
            ("blurs", pa.int64()),
        ]
    )
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)


def read_parquet(path: Path) -> list[Answer]:
    """Read what `write_parquet` wrote."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    return [Answer.from_dict({**row, "values": json.loads(row["values"])}) for row in rows]
