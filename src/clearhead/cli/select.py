"""``clearhead select``: one head of the path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.flags import SelectFlags, given
from clearhead.cli.output import Output

__all__ = ["select"]


def select(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    select: SelectFlags | None = None,
    output: Output | None = None,
) -> None:
    """Choose one head of a fitted path on validation rows: the sparsest within five points of the best by default."""
    from clearhead.runs.run import Run

    output = output or Output()
    job = Run(run, progress=output.progress(), **given(select))
    summary = job.select().summary()
    output.result(summary.as_dict(), summary.text())
