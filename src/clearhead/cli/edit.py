"""``clearhead edit``: a head with features removed, clipped, scaled or merged, and the exact effect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["edit"]


def edit(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    edits: Annotated[Path | None, Parameter(help="edits.json, by hand or downloaded from the report's page.")] = None,
    suggested: Annotated[bool, Parameter(negative="", help="The repair that debug --suspects suggested.")] = False,
    out: Annotated[Path | None, Parameter(help="The new run folder. [default: RUN-edited]")] = None,
    refit: Annotated[bool, Parameter(negative="", help="Fit the remaining weights again, certified.")] = False,
    allow_empty: Annotated[bool, Parameter(negative="", help="Let a class lose all its features.")] = False,
    dense: Annotated[bool, Parameter(negative="", help="Edit the network's own head instead of a fitted one.")] = False,
    output: Output | None = None,
) -> None:
    """Apply edits to the head of a run and write a new run that its report compares with the old one."""
    from clearhead.core.errors import SettingError
    from clearhead.head import read_edits
    from clearhead.runs.run import Run

    output = output or Output()
    target = out or run.with_name(f"{run.name}-edited")
    job = Run.at(run, progress=output.progress())
    if suggested == (edits is not None):
        raise SettingError("one source of edits is needed", fix="pass either --edits FILE or --suggested")
    if edits is None:
        new = job.mend(target)
    else:
        new = job.edit(read_edits(edits), target, refit=refit, allow_empty=allow_empty, dense=dense)
    lines = [_line(f.title, f.sentence, f.kind) for f in new.findings if f.kind in ("repair", "label_repair")]
    sentence = "\n".join(lines) or "The head was edited; no label's answers depend on what was changed."
    # A page shows a path of heads; the network's own head has none.
    page = None if dense else str(new.report())
    output.result(
        {"run": str(target), "sentence": sentence, "report": page},
        sentence + (f"\nreport: {page}" if page else f"\nrun: {target}"),
    )


def _line(title: str, sentence: str, kind: str) -> str:
    return sentence if kind == "repair" else f"{title.split(':')[0]}: {sentence}"
