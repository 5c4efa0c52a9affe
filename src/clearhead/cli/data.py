"""``clearhead data``: look at a data set before using it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from clearhead.cli.output import Output

__all__ = ["data"]

data = App(name="data", help="Look at a data set: what was found, counts, and what is wrong.")


@data.command
def check(
    spec: Annotated[str, Parameter(help="A folder, a table, hf:NAME or path.py:function.")],
    /,
    *,
    text_column: str | None = None,
    label_column: tuple[str, ...] = (),
    sample: Annotated[int, Parameter(help="Read so many examples.")] = 2000,
    output: Output | None = None,
) -> None:
    """Say what a data set holds: layout, parts, classes, unreadable, empty and repeated examples."""
    from clearhead.features.check import check_data

    output = output or Output()
    labels = list(label_column) or None
    finding = check_data(spec, sample=sample, progress=output.progress(), text_column=text_column, label_column=labels)
    lines = [finding.sentence]
    for name, table in finding.tables.items():
        lines += [f"{name}:", *(f"  {row}" for row in table.rows()[:20])]
    output.result(finding.as_dict(), "\n".join(lines))
