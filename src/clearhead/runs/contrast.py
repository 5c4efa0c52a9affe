"""This run beside another: its head, its answers and its words, on rows that neither was fitted on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clearhead.core.errors import DataError, InputError, SettingError
from clearhead.core.finding import Finding
from clearhead.debug import compare
from clearhead.debug.inputs import predicted
from clearhead.report.rows import of_table
from clearhead.runs.tasks import Task, tasks

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["compared", "origin", "other_predictions", "other_run", "same_features"]


def origin(run: Run) -> Path | None:
    """The run that this one was edited from, if it is still there."""
    path = run.record.facts.get("edited_from")
    return Path(path) if path and (Path(path) / "manifest.json").exists() else None


def other_run(run: Run, against: Path | None) -> Run:
    """The run to compare with: the one named, or the one that this was edited from."""
    from clearhead.runs.run import Run

    found = against or origin(run)
    if found is None:
        raise SettingError("there is no other run to compare with", fix="pass --against runs/OTHER")
    if not (found / "manifest.json").exists():
        raise SettingError(f"{found} is no run", fix="pass the folder of a finished run")
    return Run(found, progress=run.progress)


def same_features(run: Run, other: Run) -> bool:
    """Whether both heads read the same network's features, so that weights and words can be compared one by one."""
    keys = [r.record.facts.get("backbone_key") or r.table.key for r in (run, other)]
    return keys[0] == keys[1] and run.head.feature_names == other.head.feature_names


def compared(run: Run, task: Task, against: Path | None) -> Finding:
    """The other head first, this one second, on the test rows that both have."""
    other = other_run(run, against)
    theirs = _task_of(other, task)
    mine, its = _both(run, task, other, theirs)
    finding = compare(
        theirs.head,
        task.head,
        run.table.view(mine),
        task.labels[mine],
        names=(other.folder.resolve().name, run.folder.resolve().name),
        first_features=None if same_features(run, other) else other.table.view(its),
        seed=run.config.data.seed,
    )
    return of_table(finding, mine)


def other_predictions(run: Run, task: Task, against: Path | None) -> dict[str, Tensor]:
    """Name of a head of the other run → its predictions for this run's test rows; empty if no run was named."""
    if against is None:
        return {}
    other = other_run(run, against)
    theirs = _task_of(other, task)
    mine, its = _both(run, task, other, theirs)
    if len(mine) != len(task.rows["test"]):
        raise DataError(
            f"{other.folder.name} was not tested on all the rows that this run is",
            got=f"{len(mine)} of {len(task.rows['test'])}",
            fix="split both runs alike (--split-column, or the same --seed)",
        )
    name = other.folder.resolve().name
    return {f"{name} {kind}": predicted(head, other.table.view(its)) for kind, head in theirs.heads.items()}


def _task_of(other: Run, task: Task) -> Task:
    found = [t for t in tasks(other) if t.name == task.name]
    if not found or found[0].head.class_names != task.head.class_names:
        names = found[0].head.class_names if found else tuple(other.table.class_names)
        raise InputError(
            "the two runs answer different questions",
            got=", ".join(names[:5]),
            expected=", ".join(task.head.class_names[:5]),
        )
    return found[0]


def _both(run: Run, task: Task, other: Run, theirs: Task) -> tuple[Tensor, Tensor]:
    """Row numbers, in this run and in the other, of the examples that both test on."""
    place = {other.table.uris[int(row)]: int(row) for row in theirs.rows["test"]}
    pairs = [(int(r), place[run.table.uris[int(r)]]) for r in task.rows["test"] if run.table.uris[int(r)] in place]
    if not pairs:
        raise DataError("the two runs have no test row in common", fix="run both on the same data, split alike")
    mine, its = torch.tensor(pairs).T
    return mine, its
