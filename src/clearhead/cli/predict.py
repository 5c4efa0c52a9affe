"""``clearhead predict``: new images or texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["predict"]


def predict(
    inputs: Annotated[list[str], Parameter(help="Image files, or texts.")],
    /,
    *,
    run: Annotated[Path, Parameter(help="The run folder.")],
    model: Annotated[str | None, Parameter(help="The network, where the run does not name it.")] = None,
    output: Output | None = None,
) -> None:
    """What the sparse head says about new images or texts, and what the network says."""
    from clearhead.runs.answer import predict as answer
    from clearhead.runs.run import Run

    output = output or Output()
    answers = answer(Run(run, progress=output.progress()), list(inputs), model)
    lines = [
        f"{a['input']}: {a['class']} ({a['probability']:.1%})"
        + (f" · the network says {a['network']}" if a["network"] else "")
        for a in answers
    ]
    output.result({"predictions": answers}, "\n".join(lines))
