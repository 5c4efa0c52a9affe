"""Row numbers that analyses count become the table's, and only then name examples."""

from __future__ import annotations

from clearhead.core.finding import Finding, Table
from clearhead.report.rows import counts_table_rows, named_rows, of_table


def finding(**columns: list[object]) -> Finding:
    return Finding(kind="misclassified", title="", sentence="", tables={"t": Table(columns)}, settings={"k": 1})


def test_numbers_and_lists_of_them_are_turned() -> None:
    made = of_table(finding(row=[1, None], rows_a=[[0, 2], []], feature=[1, 2]), [70, 80, 90])
    assert made.tables["t"].columns == {"row": [80, None], "rows_a": [[70, 90], []], "feature": [1, 2]}
    assert made.settings == {"k": 1, "rows_of": "table"}


def test_only_marked_findings_name_rows() -> None:
    plain, marked = finding(row=[0, 1]), of_table(finding(row=[0, 1], rows_b=[[2], [0]]), [70, 80, 90])
    assert not counts_table_rows(plain)
    assert counts_table_rows(marked)
    assert named_rows([plain, marked], 10) == [70, 80, 90]
    assert named_rows([marked], 2) == [70, 80]


def test_rows_of_a_study_are_the_tables() -> None:
    study = Finding("rehearsed_misclassification", "", "", tables={"verdicts": Table({"row": [7, 9]})})
    assert named_rows([study], 10) == [7, 9]
