"""``clearhead study``: ask people about a run, with the paper's three tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from clearhead.cli.flags import BuildFlags, ServerFlags, given
from clearhead.cli.output import Output

__all__ = ["study"]

study = App(name="study", help="Ask people: build tasks, serve them, analyse the answers, rehearse beforehand.")
DEMO = Path("runs/demo")
RunFolder = Annotated[Path, Parameter(help="The run folder.")]
Kind = Annotated[str, Parameter(help="simulate, spurious or misclassification.")]
Files = Annotated[list[Path], Parameter(help="The files with answers.")]
Database = Annotated[str | None, Parameter(help="SQLAlchemy URL. [default: SQLite in the study's folder]")]


@study.command
def build(
    run: RunFolder, /, *, kind: Kind = "simulate", asked: BuildFlags | None = None, output: Output | None = None
) -> None:
    """Make the tasks of a study from the run's dense and sparse heads; every choice is recorded in the task file."""
    from clearhead.runs.run import Run
    from clearhead.runs.studying import build as make
    from clearhead.study.settings import BuildSettings

    output = output or Output()
    made, count = make(Run(run, progress=output.progress()), kind, BuildSettings(**given(asked)))
    output.result({"folder": str(made.folder), "tasks": count}, f"{count} tasks in {made.folder}")


@study.command
def serve(
    run: RunFolder,
    /,
    *,
    kind: Kind = "simulate",
    host: Annotated[
        str, Parameter(help="Address to listen on; other than loopback, name the --hosts too.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on.")] = 8000,
    invite: Annotated[int, Parameter(help="Make links for so many new people.")] = 0,
    database: Database = None,
    people: ServerFlags | None = None,
    output: Output | None = None,
) -> None:
    """Serve a study on this machine until Ctrl-C; prints the links and, the first time, the admin token."""
    from clearhead.study.project import project_of
    from clearhead.study.settings import ServerSettings

    output = output or Output()

    def announce(told: dict[str, Any]) -> None:
        lines = [f"serving on {told['url']}; progress and exports on {told['url']}/admin", *told["links"]]
        lines += [f"admin token, shown only now: {told['admin_token']}"] if told["admin_token"] else []
        output.result(told, "\n".join(lines))

    settings = ServerSettings(**given(people))
    project_of(run, kind, database).serve(settings, host=host, port=port, invite=invite, announce=announce)


@study.command
def analyze(
    run: RunFolder, /, *, kind: Kind = "simulate", database: Database = None, output: Output | None = None
) -> None:
    """Analyse the answers by the paper's rules, with intervals and a sensitivity table; the report shows it."""
    from clearhead.runs.run import Run
    from clearhead.runs.studying import keep
    from clearhead.study.project import project_of

    output = output or Output()
    finding = project_of(run, kind, database).analyze()
    keep(Run(run), finding)
    output.result(finding.as_dict(), f"{finding.sentence}\n{finding.settings.get('methods', '')}")


@study.command
def simulate(
    run: Annotated[Path | None, Parameter(help="The run folder; without it the demo, made first if need be.")] = None,
    /,
    *,
    kind: Kind = "simulate",
    plan: Annotated[bool, Parameter(negative="", help="The paper's own plan (100 classes × 2 × 10), no run.")] = False,
    studies: Annotated[int, Parameter(help="How many studies to simulate.")] = 200,
    people: Annotated[int, Parameter(help="How many annotators there are.")] = 60,
    pay: Annotated[float, Parameter(help="What one answer costs; a platform takes a third of it on top.")] = 0.04,
    output: Output | None = None,
) -> None:
    """Rehearse with simulated annotators: are planted accuracies recovered, what power, what cost."""
    from clearhead.study.annotators import Crew
    from clearhead.study.rehearse import Rehearsal, rehearse

    output = output or Output()
    how: dict[str, Any] = {
        "crew": Crew(size=people),
        "options": Rehearsal(studies=studies, pay=pay),
        "progress": output.progress(),
    }
    finding = rehearse(**how) if plan else _rehearsed(run, kind, output, how)
    output.result(finding.as_dict(), finding.sentence)


def _rehearsed(run: Path | None, kind: str, output: Output, how: dict[str, Any]) -> Any:
    """The rehearsal of a run's study, kept with the run beside the analysis of one simulated set of answers."""
    from clearhead.runs.run import Run
    from clearhead.runs.studying import build as make
    from clearhead.runs.studying import keep
    from clearhead.study.project import project_of

    folder = run or _demo(output)
    project = project_of(folder, kind)
    if run is None and not (project.folder / "tasks.json").exists():
        make(Run(folder, progress=output.progress()), kind)
    finding, analysis = project.rehearse(**how)
    for made in (finding, analysis):
        keep(Run(folder), made)
    return finding


def _demo(output: Output) -> Path:
    from clearhead.runs.demo import demo

    if not (DEMO / "manifest.json").exists():
        demo(DEMO, output.progress())
    return DEMO


@study.command
def export(
    run: RunFolder,
    /,
    *,
    to: Annotated[Path, Parameter(help="A folder for tasks, a file for answers.")],
    form: Annotated[str, Parameter(help="jsonl, parquet, csv, bundle, label-studio, mturk, …")] = "jsonl",
    kind: Kind = "simulate",
    people: Annotated[int, Parameter(help="bundle: how many people share the tasks, each with a list.")] = 1,
    media_url: Annotated[str, Parameter(help="label-studio, mturk: where the pictures will be reachable.")] = "media",
    database: Database = None,
    output: Output | None = None,
) -> None:
    """Write a study's tasks or answers for other tools."""
    from clearhead.study.project import project_of

    output = output or Output()
    path = project_of(run, kind, database).export(form, to, media_url=media_url, people=people)
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
    from clearhead.study.project import project_of

    output = output or Output()
    count = project_of(run, kind).import_answers(files, form)
    output.result({"answers": count}, f"{count} answers")
