"""``clearhead extract``: features to disk."""

from __future__ import annotations

from pathlib import Path

from clearhead.cli.flags import DataFlags, ModelFlags, given
from clearhead.cli.output import Output

__all__ = ["extract"]


def extract(
    *,
    out: Path = Path("runs/run"),
    model: ModelFlags | None = None,
    data: DataFlags | None = None,
    output: Output | None = None,
) -> None:
    """Write the deep features of a network on some data as a table in the run folder.

    Parameters
    ----------
    out : the run folder.
    """
    from clearhead.runs.run import Run

    output = output or Output()
    table = Run(out, progress=output.progress(), **given(model, data)).extract()
    n, p = table.shape
    facts = {"features": str(table.folder), "n": n, "p": p, "dtype": table.manifest["dtype"], "key": table.key}
    output.result(facts, f"{n} rows × {p} features ({facts['dtype']}) in {table.folder}")
