"""``clearhead ls``: the runs under a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["ls"]


def ls(
    folder: Annotated[Path, Parameter(help="Where to look.")] = Path("runs"), /, *, output: Output | None = None
) -> None:
    """Every run under a folder: how far it is, its size, accuracy, features per class, and when it was worked on."""
    from clearhead.runs.recipes.shelf import runs_under

    found = runs_under(folder)
    lines = [f"{r['run']}  {r['state']}  {r['bytes'] / 1e6:,.1f} MB  {_percent(r)}  {r['at']}" for r in found]
    (output or Output()).result({"runs": found}, "\n".join(lines) or f"no runs under {folder}")


def _percent(run: dict[str, object]) -> str:
    accuracy, features = run["accuracy"], run["features_per_class"]
    if not isinstance(accuracy, float) or not isinstance(features, float | int):
        return "not analysed"
    return f"{100 * accuracy:.1f} % with {features:.4g} features a class"
