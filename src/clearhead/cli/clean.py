"""``clearhead clean``: remove what a run can make again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["clean"]


def clean(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Delete; without it only say what would go.")] = False,
    output: Output | None = None,
) -> None:
    """Say what a run folder holds that its commands make again (features, path, report, figures); --yes deletes it.

    Settings, heads and findings stay, and nothing outside the folder is touched.
    """
    from clearhead.runs.recipes.shelf import clean as remove

    sizes = remove(run, yes=yes)
    total = sum(sizes.values())
    lines = [f"{name}  {size / 1e6:,.1f} MB" for name, size in sizes.items()]
    verb = "removed" if yes else "would be removed (--yes)"
    data = {"run": str(run), "deleted": yes, "parts": sizes, "bytes": total}
    (output or Output()).result(data, "\n".join([*lines, f"{total / 1e6:,.1f} MB {verb}"]))
