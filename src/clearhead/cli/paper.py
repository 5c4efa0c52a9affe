"""``clearhead paper``: the paper's experiments, each with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from clearhead.cli.flags import DataFlags, FitFlags, ModelFlags, SelectFlags, given
from clearhead.cli.output import Output

__all__ = ["paper"]

paper = App(name="paper", help="The paper's experiments: list them, or run one on your data.")


@paper.command(name="list")
def list_(*, output: Output | None = None) -> None:
    """Every table row, figure and algorithm: its section, what it takes, the files it makes, its command."""
    from clearhead.runs.recipes import EXPERIMENTS

    found = [experiment.as_dict() for experiment in EXPERIMENTS.values()]
    width = max(len(e["name"]) for e in found)
    lines = [f"{e['name']:<{width}}  {e['section']}: {e['title']}" for e in found]
    (output or Output()).result({"experiments": found}, "\n".join(lines))


@paper.command
def run(
    name: Annotated[str, Parameter(help="An experiment of `clearhead paper list`.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="The run folder. [default: runs/paper/WORLD]")] = None,
    masks: Annotated[int, Parameter(help="LIME's masks of a picture or sentence.")] = 1000,
    steps: Annotated[int, Parameter(help="Steps of gradient ascent for a synthesised picture.")] = 256,
    sentences: Annotated[int | None, Parameter(help="Explain at most so many sentences. [default: all]")] = None,
    classes: Annotated[tuple[str, ...], Parameter(help="Show these classes, not random ones.", negative="")] = (),
    answers: Annotated[Path | None, Parameter(help="People's answers to a study; simulated without it.")] = None,
    patterns: Annotated[Path | None, Parameter(help="Folder of pictures with the pattern to paste.")] = None,
    target: Annotated[str | None, Parameter(help="Class that the pattern is blamed for.")] = None,
    redact: Annotated[Path | None, Parameter(help="File of words that figures do not spell out.")] = None,
    model: ModelFlags | None = None,
    data: DataFlags | None = None,
    fit: FitFlags | None = None,
    select: SelectFlags | None = None,
    output: Output | None = None,
) -> None:
    """Run one experiment: extract, fit, select, then the table row or figure; what a run has done is not repeated.

    Experiments on the same data and network share a run folder, so that the path is fitted once.
    """
    from clearhead.runs.recipes import Options, perform

    output = output or Output()
    options = Options(masks, steps, sentences, classes, answers, patterns, target, redact)
    settings = given(model, data, fit, select)
    outcome = perform(name, out=out, options=options, progress=output.progress(), **settings)
    output.result(outcome.as_dict(), outcome.text())
