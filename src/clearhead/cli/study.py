"""``clearhead study``: ask people about a run, with the paper's three tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from clearhead.cli.output import Output

__all__ = ["study"]

study = App(name="study", help="Ask people: build tasks, serve them, analyse the answers, rehearse beforehand.")
RunFolder = Annotated[Path, Parameter(help="The run folder.")]
Kind = Annotated[str, Parameter(help="simulate, spurious or misclassification.")]
Files = Annotated[list[Path], Parameter(help="The files with answers.")]


def _project(run: Path, kind: str, database: str | None = None) -> Any:
    from dataclasses import replace

    from clearhead.runs.run import Run
    from clearhead.runs.studying import project

    return replace(project(Run(run), kind), database=database)


@study.command
def build(run: RunFolder, /, *, kind: Kind = "simulate", output: Output | None = None) -> None:
    """Make the tasks of a study from the run's dense and sparse heads; every choice is recorded in the task file."""
    from clearhead.runs.run import Run
    from clearhead.runs.studying import build as make

    output = output or Output()
    made, count = make(Run(run, progress=output.progress()), kind)
    output.result({"folder": str(made.folder), "tasks": count}, f"{count} tasks in {made.folder}")


@study.command
def serve(
    run: RunFolder,
    /,
    *,
    kind: Kind = "simulate",
    port: Annotated[int, Parameter(help="Port on the loopback address.")] = 8000,
    invite: Annotated[int, Parameter(help="Make links for so many new people.")] = 0,
    database: Annotated[str | None, Parameter(help="SQLAlchemy URL. [default: SQLite in the study's folder]")] = None,
    output: Output | None = None,
) -> None:
    """Serve a study on this machine until Ctrl-C; prints the links and, the first time, the admin token."""
    output = output or Output()

    def announce(told: dict[str, Any]) -> None:
        lines = [f"serving on {told['url']}", *told["links"]]
        lines += [f"admin token, shown only now: {told['admin_token']}"] if told["admin_token"] else []
        output.result(told, "\n".join(lines))

    _project(run, kind, database).serve(port=port, invite=invite, announce=announce)


@study.command
def analyze(
    run: RunFolder, /, *, kind: Kind = "simulate", database: str | None = None, output: Output | None = None
) -> None:
    """Analyse the answers by the paper's rules, with intervals and a sensitivity table; the report shows it."""
    from clearhead.runs.run import Run
    from clearhead.runs.studying import keep

    output = output or Output()
    finding = _project(run, kind, database).analyze()
    keep(Run(run), finding)
    output.result(finding.as_dict(), f"{finding.sentence}\n{finding.settings.get('methods', '')}")


@study.command
def simulate(
    run: Annotated[Path | None, Parameter(help="The run folder; without it the paper's own plan is rehearsed.")] = None,
    /,
    *,
    kind: Kind = "simulate",
    studies: Annotated[int, Parameter(help="How many studies to simulate.")] = 200,
    output: Output | None = None,
) -> None:
    """Rehearse with simulated annotators: are planted accuracies recovered, what power, what cost."""
    from clearhead.study.rehearse import Rehearsal, rehearse

    output = output or Output()
    options = Rehearsal(studies=studies)
    if run is None:
        finding = rehearse(options=options, progress=output.progress())
    else:
        finding, analysis = _project(run, kind).rehearse(options=options, progress=output.progress())
        from clearhead.runs.run import Run
        from clearhead.runs.studying import keep

        for made in (finding, analysis):
            keep(Run(run), made)
    output.result(finding.as_dict(), finding.sentence)


@study.command
def export(
    run: RunFolder,
    /,
    *,
    to: Annotated[Path, Parameter(help="A folder for tasks, a file for answers.")],
    form: Annotated[str, Parameter(help="jsonl, parquet, csv, bundle, label-studio, mturk, …")] = "jsonl",
    kind: Kind = "simulate",
    output: Output | None = None,
) -> None:
    """Write a study's tasks or answers for other tools."""
    output = output or Output()
    path = _project(run, kind).export(form, to)
    output.result({"written": str(path)}, str(path))


@study.command(name="import")
def import_(
    run: RunFolder,
    files: Files,
    /,
    *,
    form: Annotated[str, Parameter(help="bundle, label-studio, mturk, jsonl or parquet.")] = "jsonl",
    kind: Kind = "simulate",
    output: Output | None = None,
) -> None:
    """Bring answers in that came another way."""
    output = output or Output()
    count = _project(run, kind).import_answers(files, form)
    output.result({"answers": count}, f"{count} answers")
