"""``clearhead extract``: features to disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.flags import DataFlags, ModelFlags, given
from clearhead.cli.output import Output

__all__ = ["extract"]


def extract(
    *,
    out: Path = Path("runs/run"),
    model: ModelFlags | None = None,
    data: DataFlags | None = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say shapes, bytes and time, and stop.")] = False,
    output: Output | None = None,
) -> None:
    """Write the deep features of a network on some data as a table in the run folder.

    Parameters
    ----------
    out : the run folder.
    """
    from clearhead.runs.run import Run

    output = output or Output()
    run = Run(out, progress=output.progress(), **given(model, data))
    if dry_run:
        finding = run.estimate()
        output.result(finding.as_dict(), finding.sentence)
        return
    table = run.extract()
    n, p = table.shape
    facts = {"features": str(table.folder), "n": n, "p": p, "dtype": table.manifest["dtype"], "key": table.key}
    output.result(facts, f"{n} rows × {p} features ({facts['dtype']}) in {table.folder}")
