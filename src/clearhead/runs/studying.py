"""Studies of a run: its heads, its rows and its explanations become tasks for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clearhead.core.finding import Finding
from clearhead.runs import paging
from clearhead.study.project import Project, project_of
from clearhead.study.settings import BuildSettings
from clearhead.study.tasks import Exhibits, with_repeats
from clearhead.study.tasks.heads import options_for, study_from_heads, with_exemplars

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["build", "keep"]

WARNING = "Some of what is shown may be offensive."
SHOWN = 3  # exemplars that stand for a feature without pictures or words of its own


def build(run: Run, kind: str, settings: BuildSettings | None = None) -> tuple[Project, int]:
    """Write the tasks of a study under ``study/KIND`` of the run; the study, and how many tasks it has.

    `ArtifactError` if people have already answered other tasks there.
    """
    found, settings = project_of(run.folder, kind), settings or BuildSettings()
    heads = {"dense": run.dense, "sparse": run.head}
    exhibits = _exhibits(run)
    exhibits = with_exemplars(exhibits, run.table, heads, run.split.train, k=SHOWN)
    options = options_for(kind, len(run.head.class_names), settings)
    study = study_from_heads(kind, heads, run.table, run.split.test, exhibits, options=options)
    offends = exhibits.texts is not None or run.config.data.sensitive  # sentences are shown as they were written
    warning = (WARNING if offends else "") if settings.warning is None else settings.warning
    study = replace(study, answers_per_task=settings.answers, content_warning=warning)
    study = with_repeats(study, settings.repeats, seed=settings.seed) if settings.repeats else study
    found.save(study, exhibits.picture)
    return found, len(study.tasks)


def _exhibits(run: Run) -> Exhibits:
    findings = {f.kind: f for f in run.findings}
    pictures: dict[int, list[Path]] = {}
    words: dict[int, list[tuple[str, float]]] = {}
    if "visualization" in findings:
        for name, path in findings["visualization"].media.items():
            pictures.setdefault(int(name.rstrip("+-")), []).append(run.folder / path)
    if "words" in findings:
        for row in findings["words"].tables["words"].rows():
            words.setdefault(int(row["feature"]), []).append((str(row["word"]), float(row["weight"])))
    return Exhibits(
        image=paging.picture_of(run),
        texts=run.table.texts,
        feature_pictures=pictures,
        feature_words=words,
    )


def keep(run: Run, finding: Finding) -> Path:
    """Keep a study's finding with the run, so that the page shows it; where it lies.

    What people said is ``study_KIND``. A rehearsal is ``rehearsal_KIND`` (power and cost) and ``rehearsed_KIND`` (the
    analysis of simulated answers), so that it never replaces what people said.
    """
    name = f"rehearsal_{finding.settings['kind']}" if finding.kind == "study_rehearsal" else finding.kind
    path = run.folder / "findings" / f"{name}.json"
    finding.save(path)
    return path
