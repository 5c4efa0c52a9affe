"""``clearhead fit``: the certified path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.flags import DataFlags, FitFlags, ModelFlags, SelectFlags, given
from clearhead.cli.output import Output

__all__ = ["fit"]


def fit(
    *,
    out: Path = Path("runs/run"),
    data: DataFlags | None = None,
    model: ModelFlags | None = None,
    fit: FitFlags | None = None,
    select: SelectFlags | None = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say memory, reads and time of the fit, and stop.")] = False,
    output: Output | None = None,
) -> None:
    """Fit the path of sparse heads, select one and write the report; under torchrun, on the rows of all processes.

    With --features FILE it fits your own features (concept scores, SAE latents, …): arrays ``features`` (n, p) and
    ``labels`` (n). Otherwise it fits the table of the run, extracting it first if need be.

    Parameters
    ----------
    out : the run folder.
    """
    from clearhead.core import distributed
    from clearhead.core.progress import Silent
    from clearhead.runs.planning import planned_fit
    from clearhead.runs.run import Run

    output = output or Output()
    with distributed.group():
        first = distributed.rank() == 0
        job = Run(out, progress=output.progress() if first else Silent(), **given(data, model, fit, select))
        if not first:
            if not dry_run:
                job.assist()
            return
        job.extract()
        if dry_run:
            answer = planned_fit(job)
            output.result(answer.as_dict(), answer.text())
            return
        distributed.share(True)
        job.fit()
    summary = job()
    output.result(summary.as_dict(), summary.text())
