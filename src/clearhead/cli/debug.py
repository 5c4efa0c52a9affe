"""``clearhead debug``: the findings about a run's head."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["debug"]


def debug(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    output: Output | None = None,
) -> None:
    """What the head gets wrong and why: trade-off, top-k against the rest, mistakes, confusions, fidelity."""
    from clearhead.runs.run import Run

    output = output or Output()
    findings = Run(run, progress=output.progress()).debug().findings
    lines = [f"{f.title}: {f.sentence}" for f in findings]
    output.result({"findings": [f.as_dict() for f in findings]}, "\n".join(lines))
