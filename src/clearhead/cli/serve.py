"""``clearhead serve``: a report too large to open from disk, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["serve"]


def serve(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    port: Annotated[int, Parameter(help="0 takes any free one.")] = 0,
    output: Output | None = None,
) -> None:
    """Serve a run's report on the loopback address until Ctrl-C."""
    from clearhead.report.serve import serve as server_of

    output = output or Output()
    with server_of(run / "report", port) as server:
        output.result({"url": server.address}, f"serving {run / 'report'} on {server.address} (Ctrl-C ends it)")
        server.serve_forever()
