"""``clearhead doctor``: what this machine has and how fast it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["doctor"]


def doctor(
    *,
    measure: Annotated[
        bool, Parameter(negative="", help="Measure speeds, about half a minute, and keep them.")
    ] = False,
    device: Annotated[str, Parameter(help="What to measure: cpu, cuda or cuda:N.")] = "cpu",
    cache: Annotated[
        Path | None, Parameter(help="Where speeds are kept. [default: $CLEARHEAD_CACHE or ~/.cache/clearhead]")
    ] = None,
    output: Output | None = None,
) -> None:
    """Versions, cores, memory, disk, GPUs, optional tools and how to install what is missing; speeds once measured."""
    from clearhead.runs.doctor import checkup
    from clearhead.runs.roofline import cache_folder, keep

    output, folder = output or Output(), cache or cache_folder()
    if measure:
        from clearhead.runs.measuring import measure as measured

        keep(measured(folder, device, output.progress()), folder)
    found = checkup(folder)
    output.result(found.as_dict(), found.text())
