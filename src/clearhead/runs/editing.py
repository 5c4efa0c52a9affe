"""The edit step: a new run whose head is another run's with edits applied, and the proof of what they do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.core.artifacts import content_key, write_json
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.debug import Material, Part, compare, edited, refit_without, removed_features, repair
from clearhead.head import Edit, SparseHead, write_edits
from clearhead.report.rows import of_table
from clearhead.runs import fitting, sources
from clearhead.runs.analyses import PARTS

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["derive", "edit"]

SHARED = ("features", "path", "dense")


def edit(run: Run, edits: Sequence[Edit], out: Path, *, refit: bool = False, allow_empty: bool = False) -> Run:
    """Write a new run at ``out``: the same table, rows and path, the edited head, and findings "repair" and "compare".

    ``refit`` fits the remaining weights again at the same λ with the removed features excluded, certified as ever.
    `InputError` names an edit that cannot be done; `SettingError` if ``out`` already holds a run.
    """
    if not edits:
        raise SettingError("there is nothing to edit", got="an empty list of edits")
    _check_free(out)
    after = _refitted(run, edits) if refit else edited(run.head, edits, allow_empty=allow_empty)
    return derive(run, after, edits, out, refitted=refit)


def derive(run: Run, after: SparseHead, edits: Sequence[Edit], out: Path, *, refitted: bool) -> Run:
    """A new run at ``out`` with this head in place of the run's own, and the proof of what that does."""
    from clearhead.runs.run import Run

    _check_free(out)
    _copy(run, out)
    after.save(out / "head")
    write_edits(out / "edits.json", edits)
    new = Run(out, progress=run.progress)
    for step in ("extract", "fit"):
        new.record.data["steps"][step] = run.record.data["steps"][step]
    new.record.data["steps"]["select"] = {"key": content_key(after.weight), "seconds": 0.0, "at": "edited"}
    new.record.note(**run.record.facts, edited_from=str(run.folder.resolve()))
    for finding in _proof(run, after, edits, refitted):
        finding.save(out / "findings" / f"{finding.kind}.json")
    if (run.folder / "findings" / "suspects.json").exists():
        shutil.copy2(run.folder / "findings" / "suspects.json", out / "findings" / "suspects.json")
    return new


def _check_free(out: Path) -> None:
    if (out / "manifest.json").exists():
        raise SettingError(f"{out} already holds a run", fix="choose another --out")


def _refitted(run: Run, edits: Sequence[Edit]) -> SparseHead:
    labels = fitting.targets_of(run)
    if labels.ndim != 1:
        raise SettingError("refitting needs one label a row", fix="edit without --refit")
    rows, settings = run.split.train, run.config.fit
    head, solution = refit_without(
        run.head,
        Material(run.table.view(rows), labels[rows]),
        removed_features(run.head, edits),
        lambda_=run.solutions[0].lambda_,
        l1_ratio=settings.l1_ratio,
        tol=settings.tol,
    )
    solution.raise_if_failed()
    return head


def _copy(run: Run, out: Path) -> None:
    """Everything that the edit does not change, as hard links where the disk allows it."""
    out.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        shutil.copytree(run.folder / name, out / name, copy_function=_link, dirs_exist_ok=True)
    for name in ("config.toml", "split.json"):
        shutil.copy2(run.folder / name, out / name)
    (out / "head").mkdir(exist_ok=True)
    shutil.copy2(run.folder / "head" / "selection.json", out / "head" / "selection.json")
    write_json(out / "edited_from.json", {"run": str(run.folder.resolve())})


def _link(source: str, target: str) -> Any:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _proof(run: Run, after: SparseHead, edits: Sequence[Edit], refit: bool) -> list[Finding]:
    labels = fitting.labels_of(run)
    if labels.ndim != 1:
        return []
    groups = sources.column(run.table, run.config.data.group_column)
    parts = {}
    for name in PARTS:
        rows = getattr(run.split, name)
        parts[name] = Part(run.table.view(rows), labels[rows], None if groups is None else groups[rows.numpy()])
    test = parts["test"]
    flips = compare(run.head, after, test.features, test.labels, names=("before", "after"), seed=run.config.data.seed)
    return [
        repair(run.head, after, parts, edits=edits, refitted=refit, seed=run.config.data.seed),
        of_table(flips, run.split.test),
    ]
