"""Row numbers of findings: analyses count the rows they were given, a page shows the rows of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from clearhead.core.finding import Finding, Table

__all__ = ["COLUMNS", "named_rows", "of_table"]

COLUMNS = ("row", "rows", "rows_a", "rows_b", "examples")
"""Columns that hold row numbers, one or a list of them."""

_MARK = "rows_of"
_SHIPPED = ("exemplars", "superpixels", "visualization")  # what these name ships as exemplars anyhow
_OF_TABLE = (
    *_SHIPPED,
    "study_misclassification",
    "rehearsed_misclassification",
)  # count the table's rows by themselves


def of_table(finding: Finding, rows: Sequence[int] | Any) -> Finding:
    """The finding with its row numbers, which count ``rows``, turned into those of the table, and marked so.

    Only a marked finding's rows are shown as pictures: a wrong picture is worse than none.

    >>> made = of_table(Finding("k", "", "", tables={"t": Table({"row": [0, 1]})}), [70, 80])
    >>> list(made.tables["t"].columns["row"]), made.settings["rows_of"]
    ([70, 80], 'table')
    """
    numbers = [int(r) for r in rows]
    tables = {name: _renumbered(table, numbers) for name, table in finding.tables.items()}
    return replace(finding, tables=tables, settings={**finding.settings, _MARK: "table"})


def _renumbered(table: Table, numbers: Sequence[int]) -> Table:
    def there(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [there(v) for v in value]
        return None if value is None else numbers[value]

    columns = {c: [there(v) for v in values] if c in COLUMNS else values for c, values in table.columns.items()}
    return Table(columns, table.units)


def counts_table_rows(finding: Finding) -> bool:
    """Whether the finding's row numbers are the table's."""
    return finding.settings.get(_MARK) == "table" or finding.kind in _OF_TABLE


def named_rows(findings: Iterable[Finding], most: int) -> list[int]:
    """The table's rows that findings name, in turns over the findings, at most ``most``."""
    lists = [_rows(f) for f in findings if counts_table_rows(f) and f.kind not in _SHIPPED]
    found: dict[int, None] = {}
    for turn in range(max(map(len, lists), default=0)):
        found |= {rows[turn]: None for rows in lists if turn < len(rows)}
        if len(found) >= most:
            break
    return list(found)[:most]


def _rows(finding: Finding) -> list[int]:
    rows = []
    for table in finding.tables.values():
        for column in COLUMNS:
            for value in table.columns.get(column, ()):
                rows += [v for v in (value if isinstance(value, list | tuple) else [value]) if isinstance(v, int)]
    return list(dict.fromkeys(rows))
