"""``clearhead why``: one input, and the features that made its prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["why"]


def why(
    example: Annotated[str, Parameter(help="An image file, or a text.")],
    /,
    *,
    run: Annotated[Path, Parameter(help="The run folder.")],
    n: Annotated[int, Parameter(help="How many features to show.")] = 10,
    model: Annotated[str | None, Parameter(help="The network, where the run does not name it.")] = None,
    output: Output | None = None,
) -> None:
    """The prediction for one image or text and the features that made it."""
    from clearhead.runs.answer import why as answer
    from clearhead.runs.run import Run

    output = output or Output()
    found = answer(Run(run, progress=output.progress()), example, n, model)
    output.result(found, _text(found))


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['input']}: {found['class']} ({found['probability']:.1%})"]
    if found["network"]:
        lines[0] += f" · the network says {found['network']}"
    longest = max((abs(f["contribution"]) for f in found["features"]), default=1.0) or 1.0
    width = max((len(f["feature"]) for f in found["features"]), default=0)
    for f in found["features"]:
        bar = ("+" if f["contribution"] > 0 else "-") * max(1, round(20 * abs(f["contribution"]) / longest))
        numbers = f"{f['contribution']:+8.3f} = weight {f['weight']:+.3f} × activation {f['activation']:+.2f} sd"
        lines.append(f"  {f['feature']:<{width}} {numbers}  {bar}")
    lines.append(f"  all other features {found['other_features']:+.3f}, intercept {found['intercept']:+.3f}")
    return "\n".join(lines)
