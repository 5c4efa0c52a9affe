"""``clearhead figures``: static pictures and tables for papers and slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["figures"]


def figures(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Where they go. [default: RUN/figures]")] = None,
    output: Output | None = None,
) -> None:
    """Draw a run's findings as SVG, PDF and PNG, and write its tables as LaTeX and Markdown."""
    from clearhead.report.figures import write_figures
    from clearhead.runs.figuring import Pictures, drawn
    from clearhead.runs.run import Run

    output = output or Output()
    job = Run(run)
    made = [str(path) for path in write_figures(drawn(job), out or run / "figures", media=Pictures(job))]
    output.result({"figures": made}, "\n".join(made))
