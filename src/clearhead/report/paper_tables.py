"""Tables of findings as Markdown and LaTeX, for papers and slides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clearhead.core.finding import Finding, Table

__all__ = ["latex", "markdown", "tables"]

LONGEST = 200
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def tables(finding: Finding) -> Iterator[tuple[str, Table]]:
    """(name, table) of a finding: the paper's arrangement where it has one, and every table that fits a page."""
    if finding.kind == "ablation" and "ablation" in finding.tables:
        yield "37-ablation", _ablation(finding)
    if finding.kind == "study_simulate":
        yield "25-accuracy", _simulated(finding)
    if finding.kind == "study_form":
        return
    for name, table in finding.tables.items():
        if 0 < len(table) <= LONGEST:
            yield f"{_PAPER.get(finding.kind, '')}{finding.kind}-{name}", table


_PAPER = {"runtime": "36-"}


def _ablation(finding: Finding) -> Table:
    """Table 37: one row, accuracy in percent of each head with all features, its top k, and the rest."""
    columns: dict[str, Sequence[Any]] = {"k": [finding.settings.get("k")]}
    for row in finding.tables["ablation"].rows():
        name = f"{row['head']}: {str(row['features']).replace('top_k', 'top-k')}"
        columns[name] = [round(100 * row["accuracy"], 2)]
    return Table(columns)


def _simulated(finding: Finding) -> Table:
    """Table 25: accuracy in percent with its interval, overall and by where the image comes from; an arm a row."""
    rows = finding.tables["accuracy"].rows()
    columns: dict[str, Sequence[Any]] = {"decision layer": list(dict.fromkeys(row["arm"] for row in rows))}
    for part in dict.fromkeys(row["images"] for row in rows):
        columns[part] = [_percent(row) for row in rows if row["images"] == part]
    return Table(columns)


def _percent(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return ""
    low, high = (f"{100 * row[side]:.1f}" if row[side] is not None else "?" for side in ("low", "high"))
    return f"{100 * row['value']:.1f} ({low} to {high})"


def markdown(table: Table, caption: str = "") -> str:
    """A table in GitHub's Markdown.

    >>> print(markdown(Table({"a": [1, 2.5], "b|c": ["x", None]})))
    | a | b\\|c |
    |---:|---|
    | 1 | x |
    | 2.5 |  |
    <BLANKLINE>
    """
    names = [n.replace("_", " ").replace("|", r"\|") for n in table.columns]
    rule = ["---:" if _numbers(values) else "---" for values in table.columns.values()]
    lines = [f"{caption}\n"] if caption else []
    lines += [f"| {' | '.join(names)} |", f"|{'|'.join(rule)}|"]
    for row in table.rows():
        cells = (_text(v).replace("|", r"\|").replace("\n", " ") for v in row.values())
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def latex(table: Table, caption: str = "") -> str:
    """A table in LaTeX with booktabs' rules."""
    columns: Mapping[str, Sequence[Any]] = table.columns
    layout = "".join("r" if _numbers(values) else "l" for values in columns.values())
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{layout}}}", r"\toprule"]
    lines += [" & ".join(_escaped(n.replace("_", " ")) for n in columns) + r" \\", r"\midrule"]
    lines += [" & ".join(_escaped(_text(v)) for v in row.values()) + r" \\" for row in table.rows()]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\caption{{{_escaped(caption)}}}"] if caption else []
    return "\n".join([*lines, r"\end{table}", ""])


def _numbers(values: Sequence[Any]) -> bool:
    return any(isinstance(v, int | float) for v in values)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    return str(value)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text.replace("\n", " "))
