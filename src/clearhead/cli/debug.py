"""``clearhead debug``: the findings about a run's head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["debug"]


def debug(
    run: Annotated[Path, Parameter(help="The run folder.")],
    /,
    *,
    only: Annotated[str, Parameter(help="Analyses to make, separated by commas: ablation,confusion, …")] = "",
    suspects: Annotated[
        bool, Parameter(negative="", help="Also rank suspicious features and suggest a repair.")
    ] = False,
    counterfactuals: Annotated[
        bool, Parameter(negative="", help="Also change test examples and see what flips; words that name groups.")
    ] = False,
    against: Annotated[Path | None, Parameter(help="Another run, to compare heads, answers and words with.")] = None,
    cue: Annotated[str | None, Parameter(help="Column that says what the shortcut would be.")] = None,
    dense: Annotated[bool, Parameter(negative="", help="Judge the network's own head on all rows; no fit.")] = False,
    k: Annotated[int | None, Parameter(help="Strongest features of a class, against the rest.")] = None,
    off: Annotated[Literal["mean", "zero"], Parameter(help="What a feature has when it is off.")] = "mean",
    pairs: Annotated[int, Parameter(help="Class pairs looked at.")] = 1000,
    examples: Annotated[int, Parameter(help="Test examples changed.")] = 100,
    sentences: Annotated[int | None, Parameter(help="Sentences explained. [default: as explain did, or 300]")] = None,
    masks: Annotated[int | None, Parameter(help="Masks a sentence. [default: as explain did, or 200]")] = None,
    target: Annotated[str | None, Parameter(help="Class that changed pictures should flip to.")] = None,
    mask: Annotated[
        str, Parameter(help="Where a pattern goes: surroundings, boxes, superpixels, or a picture.")
    ] = "surroundings",
    identity: Annotated[Path | None, Parameter(help="JSON file, group → words, for the bias analyses.")] = None,
    model: Annotated[str | None, Parameter(help="The network, where the run does not name it.")] = None,
    output: Output | None = None,
) -> None:
    """What the head gets wrong and why: trade-off, top-k against the rest, mistakes, confusions, pairs, fidelity.

    With --suspects the training pictures are recombined and run through the network: which features follow the
    surroundings rather than the object, and which removals mend the head (`clearhead edit RUN --suggested`). With
    --counterfactuals test pictures and sentences are changed. What is left out is said, with what to pass.
    """
    from clearhead.runs.asking import DebugSettings
    from clearhead.runs.run import Run

    output = output or Output()
    settings = DebugSettings(
        only=[name.strip() for name in only.split(",") if name.strip()],
        suspects=suspects,
        counterfactuals=counterfactuals,
        against=against,
        cue=cue,
        dense=dense,
        k=k,
        off=off,
        pairs=pairs,
        examples=examples,
        sentences=sentences,
        masks=masks,
        target=target,
        mask=mask,
        identity=identity,
        model=model,
    )
    job = Run.at(run, progress=output.progress()).debug(settings)
    findings = [f for f in job.findings if settings.shows(f.kind)]
    left_out = {name: why for name, why in job.record.facts.get("not_analysed", {}).items() if settings.shows(name)}
    lines = [f"{f.title}: {f.sentence}" for f in findings]
    lines += [f"left out: {line}" for line in _reasons(left_out)]
    output.result({"findings": [f.as_dict() for f in findings], "left_out": left_out}, "\n".join(lines))


def _reasons(left_out: Mapping[str, Any]) -> Iterable[str]:
    """One line a reason: many labels at once leave out the same analyses for the same reason."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    return (f"{', '.join(which)} ({reason})" for reason, which in names.items())
