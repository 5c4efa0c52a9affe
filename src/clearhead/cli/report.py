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
    against: Annotated[Path | None, Parameter(help="Another run to compare with.")] = None,
    single_file: Annotated[bool, Parameter(negative="", help="Everything in one file (small runs).")] = False,
    force: Annotated[bool, Parameter(negative="", help="A single file of more than 50 MB all the same.")] = False,
    sensitive: Annotated[
        bool | None,
        Parameter(help="Start with texts and pictures covered; the run remembers it. [default: as the run was told]"),
    ] = None,
    open: Annotated[bool, Parameter(negative="", help="Open the page in the browser.")] = False,
    output: Output | None = None,
) -> None:
    """Write (or write again) the page of a run; it opens from disk, with no server and no network."""
    from clearhead.runs.run import Run

    output = output or Output()
    settings = {} if sensitive is None else {"sensitive": sensitive}
    job = Run(run, progress=output.progress(), **settings)
    page = job.report(against=against, single_file=single_file, force=force)
    output.result({"report": str(page)}, str(page))
    if open:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
