"""``clearhead explain``: what the features of a head mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["explain"]


def explain(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    features: Annotated[
        str, Parameter(help="used, all, leading (five largest a class), or numbers: 1,2,3.")
    ] = "leading",
    only: Annotated[str, Parameter(help="Kinds to make, separated by commas: superpixels,visualization, …")] = "",
    masks: Annotated[int, Parameter(help="Masks a picture or sentence.")] = 1000,
    sentences: Annotated[int | None, Parameter(help="Explain at most so many sentences. [default: all]")] = None,
    steps: Annotated[int, Parameter(help="Steps of gradient ascent for a synthesised picture.")] = 256,
    direction: Annotated[
        str, Parameter(help="Of the pictures: weight (the sign of the largest weight), positive, negative, both.")
    ] = "weight",
    redact: Annotated[Path | None, Parameter(help="File of words that clouds and tables do not spell out.")] = None,
    describe: Annotated[
        str | None, Parameter(help="path.py:function that names a feature from its examples and words.")
    ] = None,
    model: Annotated[str | None, Parameter(help="The network, where the run does not name it.")] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what it would cost, and stop.")] = False,
    output: Output | None = None,
) -> None:
    """Exemplars, pictures, superpixels or words of a head's features; it resumes, and writes the report again."""
    from clearhead.runs.explaining import ExplainSettings, costs
    from clearhead.runs.run import Run

    output = output or Output()
    which = features if features in ("used", "all", "leading") else [int(j) for j in features.split(",")]
    kinds = [kind.strip() for kind in only.split(",") if kind.strip()]
    settings = ExplainSettings(which, kinds, masks, sentences, steps, direction, redact, describe, model)
    job = Run(run, progress=output.progress())
    if dry_run:
        found = costs(job, settings)
        lines = [
            f"{c.kind}: {c.items} items, {c.passes} passes, about {c.seconds:.0f} s, {c.bytes:,} bytes" for c in found
        ]
        output.result({"costs": [vars(c) for c in found]}, "\n".join(lines) or "nothing that runs the network")
        return
    findings = job.explain(settings)
    page = str(job.report())
    text = "\n".join([*(f"{f.title}: {f.sentence}" for f in findings), f"report: {page}"])
    output.result({"findings": [f.as_dict() for f in findings], "report": page}, text)
