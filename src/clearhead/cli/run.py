"""``clearhead run``: the main job."""

from __future__ import annotations

from pathlib import Path

from clearhead.cli.flags import DataFlags, FitFlags, ModelFlags, SelectFlags, given
from clearhead.cli.output import Output

__all__ = ["run"]


def run(
    *,
    out: Path = Path("runs/run"),
    model: ModelFlags | None = None,
    data: DataFlags | None = None,
    fit: FitFlags | None = None,
    select: SelectFlags | None = None,
    output: Output | None = None,
) -> None:
    """Extract features, fit the certified path, select a head, analyse it and write the report.

    Each step resumes where it stopped and does nothing when its inputs have not changed.

    Parameters
    ----------
    out : the run folder.
    """
    from clearhead.runs.run import Run

    output = output or Output()
    job = Run(out, progress=output.progress(), **given(model, data, fit, select))
    summary = job()
    output.result(summary.as_dict(), summary.text())
