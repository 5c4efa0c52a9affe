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
    suspects: Annotated[
        bool, Parameter(negative="", help="Also rank suspicious features and suggest a repair.")
    ] = False,
    model: Annotated[str | None, Parameter(help="The network, where the run does not name it.")] = None,
    output: Output | None = None,
) -> None:
    """What the head gets wrong and why: trade-off, top-k against the rest, mistakes, confusions, fidelity.

    With --suspects the training pictures are recombined and run through the network: which features follow the
    surroundings rather than the object, and which removals mend the head (`clearhead edit RUN --suggested`).
    """
    from clearhead.runs.run import Run

    output = output or Output()
    job = Run(run, progress=output.progress()).debug()
    if suspects:
        job.suspect(model)
    findings = job.findings
    lines = [f"{f.title}: {f.sentence}" for f in findings]
    output.result({"findings": [f.as_dict() for f in findings]}, "\n".join(lines))
