"""The edit step: a new run whose head is another run's with edits applied, and the proof of what they do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clearhead.core.artifacts import content_key, write_json
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.debug import (
    Material,
    Part,
    compare,
    edited,
    label_head,
    refit_without,
    removed_features,
    repair,
)
from clearhead.head import Edit, SparseHead, write_edits
from clearhead.report.rows import of_table
from clearhead.runs import fitting, sources
from clearhead.runs.tasks import Task, named, network_head, network_task, tasks

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["derive", "edit"]

SHARED = ("features", "path", "dense")


def edit(
    run: Run,
    edits: Sequence[Edit],
    out: Path,
    *,
    refit: bool = False,
    allow_empty: bool = False,
    dense: bool = False,
) -> Run:
    """Write a new run at ``out``: the same table, rows and path, the edited head, and findings "repair" and "compare".

    ``refit`` fits the remaining weights again at the same λ with the removed features excluded, certified as ever.
    ``dense`` edits the network's own head instead of a fitted one, and judges it on every row of the table.
    `InputError` names an edit that cannot be done; `SettingError` if ``out`` already holds a run.
    """
    if not edits:
        raise SettingError("there is nothing to edit", got="an empty list of edits")
    if dense and refit:
        raise SettingError("the network's own head was not fitted here, so it cannot be refitted", fix="drop --refit")
    _check_free(out)
    before = network_head(run) if dense else run.head
    after, gaps = _refitted(run, edits) if refit else (edited(before, edits, allow_empty=allow_empty), None)
    flags = {"--refit": refit, "--allow-empty": allow_empty, "--dense": dense}
    how = " ".join([f"--edits {out / 'edits.json'}", *(flag for flag, given in flags.items() if given)])
    return derive(run, after, edits, out, gaps=gaps, dense=dense, how=how)


def derive(
    run: Run,
    after: SparseHead,
    edits: Sequence[Edit],
    out: Path,
    *,
    gaps: Sequence[float] | None = None,
    dense: bool = False,
    how: str = "",
) -> Run:
    """A new run at ``out`` with this head in place of the run's own, and the proof of what that does.

    ``gaps`` are the certified gaps of a refit, one a question; None where weights were only edited. ``how`` are the
    options of ``clearhead edit`` that say what was done.
    """
    from clearhead.runs.run import Run

    _check_free(out)
    _copy(run, out)
    after.save(out / "head")
    write_edits(out / "edits.json", edits)
    new = Run(out, progress=run.progress)
    steps = run.record.data["steps"]
    new.record.data["steps"] |= {name: steps[name] for name in ("extract", "fit") if name in steps}
    new.record.data["steps"]["select"] = {"key": content_key(after.weight), "seconds": 0.0, "at": "edited"}
    facts = {**run.record.facts, "edited_from": str(run.folder.resolve()), "edited_by": how}
    new.record.note(**facts)
    questions = [network_task(run)] if dense else tasks(run)
    for name, finding in _proofs(run, questions, after, edits, gaps):
        finding.save(out / "findings" / f"{name}.json")
    if (run.folder / "findings" / "suspects.json").exists():
        shutil.copy2(run.folder / "findings" / "suspects.json", out / "findings" / "suspects.json")
    return new


def _check_free(out: Path) -> None:
    if (out / "manifest.json").exists():
        raise SettingError(f"{out} already holds a run", fix="choose another --out")


def _refitted(run: Run, edits: Sequence[Edit]) -> tuple[SparseHead, list[float]]:
    """The head fitted again, each label's own where many hold at once, each at its selected λ; its certified gaps."""
    targets, rows, settings = fitting.targets_of(run), run.split.train, run.config.fit
    gone = removed_features(run.head, edits)
    many = targets.ndim > 1
    made, gaps = [], []
    for i, solution in enumerate(run.solutions):
        head, again = refit_without(
            label_head(run.head, i) if many else run.head,
            Material(run.table.view(rows), targets[rows, i] if many else targets[rows]),
            gone,
            lambda_=solution.lambda_,
            l1_ratio=settings.l1_ratio,
            tol=settings.tol,
        )
        again.raise_if_failed()
        made.append(head)
        gaps.append(again.gap)
    weight, intercept = torch.cat([h.weight for h in made], 1), torch.cat([h.intercept for h in made])
    return run.head.with_weight(weight, intercept), gaps


def _copy(run: Run, out: Path) -> None:
    """Everything that the edit does not change, as hard links where the disk allows it."""
    out.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if (run.folder / name).exists():
            shutil.copytree(run.folder / name, out / name, copy_function=_link, dirs_exist_ok=True)
    (out / "head").mkdir(exist_ok=True)
    for name in ("config.toml", "split.json", "head/selection.json"):
        if (run.folder / name).exists():
            shutil.copy2(run.folder / name, out / name)
    write_json(out / "edited_from.json", {"run": str(run.folder.resolve())})


def _link(source: str, target: str) -> Any:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _proofs(
    run: Run, questions: Sequence[Task], after: SparseHead, edits: Sequence[Edit], gaps: Sequence[float] | None
) -> Iterator[tuple[str, Finding]]:
    """(file name, finding) of what the edit does to each question whose weights it changed."""
    for number, task in enumerate(questions):
        new = label_head(after, number) if task.name else after
        if not task.name or bool((new.weight != task.head.weight).any()):
            for finding in _proof(run, task, new, edits, None if gaps is None else gaps[number]):
                yield named(finding.kind, number, task, finding)


def _proof(run: Run, task: Task, after: SparseHead, edits: Sequence[Edit], gap: float | None) -> list[Finding]:
    groups = sources.column(run.table, run.config.data.group_column)
    parts = {
        name: Part(*task.part(run, name), None if groups is None else groups[rows.numpy()])
        for name, rows in task.rows.items()
    }
    seed = run.config.data.seed
    flips = compare(task.head, after, *task.part(run, "test"), names=("before", "after"), seed=seed)
    return [
        repair(task.head, after, parts, edits=edits, gap=gap, seed=seed),
        of_table(flips, task.rows["test"]),
    ]
