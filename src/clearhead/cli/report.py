"""``clearhead report``: the offline page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["report"]


def report(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    open: Annotated[bool, Parameter(negative="", help="Open the page in the browser.")] = False,
    output: Output | None = None,
) -> None:
    """Write (or write again) the page of a run; it opens from disk, with no server and no network."""
    from clearhead.runs.run import Run

    output = output or Output()
    page = Run(run, progress=output.progress()).report()
    output.result({"report": str(page)}, str(page))
    if open:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
