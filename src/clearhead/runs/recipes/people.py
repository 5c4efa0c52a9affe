"""Experiments that ask people: the tasks as a page, and what the answers say, or simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from clearhead.core.finding import Finding, Table
from clearhead.explain import CloudOptions
from clearhead.explain.wordcloud import draw_cloud
from clearhead.runs import studying
from clearhead.runs.explaining import ExplainSettings
from clearhead.runs.recipes.job import Job
from clearhead.study.project import Project, project_of, rehearsed_analysis
from clearhead.study.tasks.folder import load_study

__all__ = ["make_answers", "make_descriptions", "make_study"]

FORMS = {".jsonl": "jsonl", ".parquet": "parquet", ".csv": "mturk"}


def make_study(job: Job) -> list[Finding]:
    """The tasks as a folder that opens from disk, and every choice made in building them (Figs 23, 28, 32)."""
    project = _built(job)
    page = project.export("bundle", job.folder / job.experiment.label)
    study = load_study(project.folder)
    rows = [asdict(decision) for decision in study.decisions]
    table = Table({name: [row[name] for row in rows] for name in rows[0]})
    sentence = f"{len(study.tasks)} tasks in {page}; the key stays in {project.folder}."
    return [Finding("study_tasks", study.title, sentence, {"tasks": len(study.tasks)}, {"decisions": table})]


def make_answers(job: Job) -> list[Finding]:
    """What people's answers say (Table 25 and Fig. 24; G.1), or simulated ones, marked as such."""
    found = _analysed(job)
    about = job.experiment.about
    tables = {"row": found.tables[about["table"]], **found.tables}
    parts = [replace(found, kind="study_answers", tables=tables)]
    return [*parts, *(_curves(found) if about.get("figure") else [])]


def _curves(found: Finding) -> list[Finding]:
    """Fig. 24's three parts as tables that are drawn: probabilities, ranks, accuracy of each class."""
    wide = [row for row in found.tables["probabilities"].rows() if row["median"] is not None]
    a = _intervals([(f"{r['arm']}, rank {r['rank']}", r["median"], r["p05"], r["p95"]) for r in wide])
    ranks = [row for row in found.tables["ranks"].rows() if row["share"] is not None]
    b = _intervals([(f"{r['arm']}, rank {r['rank']}", r["share"], r["share"], r["share"]) for r in ranks])
    arms = [name for name in ("dense", "sparse") if name in found.tables["per_class"].columns]
    spread = []
    for row in found.tables["per_class"].rows()[:15]:
        spread += [
            (f"{row['class_name']}, {arm}", row[arm], row[arm], row[arm]) for arm in arms if row[arm] is not None
        ]
    named = (("a", "Target probability of the images", a), ("b", "Rank of the selected image", b),
             ("c", "Accuracy by class", _intervals(spread)))  # fmt: skip
    return [
        Finding(f"study_{part}", title, found.sentence, {}, {"values": table}, found.caveats)
        for part, title, table in named
    ]


def _intervals(rows: Sequence[tuple[str, float, float, float]]) -> Table:
    names, values, low, high = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Table({"name": list(names), "value": list(values), "low": list(low), "high": list(high)})


def make_descriptions(job: Job) -> list[Finding]:
    """The words that people use for what shared features show, sized by how many used them (Fig. 30)."""
    found = _analysed(job)
    words = found.tables["descriptions"]
    weights = dict(zip(words.columns["word"], map(float, words.columns["answers"]), strict=True))
    path = job.folder / "media" / "descriptions.png"
    draw_cloud(path, weights, 1, CloudOptions())
    media = {"descriptions": path.relative_to(job.run.folder).as_posix()}
    return [replace(found, kind="panels", tables={"descriptions": words}, media=media)]


def _built(job: Job) -> Project:
    """The study in the run's folder; its features are shown by the pictures that were synthesised for them."""
    kind: str = job.experiment.about["kind"]
    project = project_of(job.run.folder, kind)
    if (project.folder / "tasks.json").exists():
        return project
    if job.run.table.kind == "image" and kind != "spurious":
        # All features, or those that only the dense head uses would be told by their other kind of picture.
        job.run.explain(ExplainSettings(features="all", only=["visualization"], steps=job.options.steps))
    return studying.build(job.run, kind)[0]


def _analysed(job: Job) -> Finding:
    project, answers = _built(job), job.options.answers
    if answers is not None:
        project.import_answers([answers], FORMS.get(answers.suffix, "jsonl"))
        return project.analyze(seed=job.run.config.data.seed)
    return rehearsed_analysis(load_study(project.folder, with_key=True), None, None, job.run.config.data.seed)
