"""The debug step: every analysis that the run's data allow, each a finding on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.core.finding import Finding
from clearhead.debug import (
    ablation,
    confusion,
    features_per_class,
    fidelity,
    label_head,
    misclassified,
    tradeoff,
)
from clearhead.debug.inputs import predicted
from clearhead.features.split import balanced
from clearhead.glm.solution import RegularizationPath
from clearhead.head import SparseHead
from clearhead.report.rows import of_table
from clearhead.runs import fitting

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["PARTS", "Task", "debug", "tasks"]

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Task:
    """One question that a head answers with one class a row: the run's own, or one of its many labels."""

    name: str
    path: RegularizationPath
    chosen: int
    head: SparseHead
    dense: SparseHead
    labels: Tensor
    network: Tensor | None


def tasks(run: Run) -> list[Task]:
    """The run's question, or one a label."""
    labels, network = fitting.labels_of(run), run.table.prediction
    if labels.ndim == 1:
        return [Task("", run.path, run.chosen[0], run.head, run.dense, labels, network)]
    return [
        Task(
            name,
            run.paths[i],
            run.chosen[i],
            label_head(run.head, i),
            label_head(run.dense, i),
            labels[:, i],
            None if network is None else network[:, i],
        )
        for i, name in enumerate(run.table.class_names)
    ]


def debug(run: Run) -> None:
    """Write the findings about the selected head."""
    key = content_key(run.record.key("select"), run.head.weight, run.dense.weight, run.config.data.balance_test)
    run.record.step("debug", key, [run.folder / "findings" / "features_per_class.json"], lambda: _debug(run))


def _debug(run: Run) -> None:
    folder = run.folder / "findings"
    for kind in ("tradeoff", "fidelity", "ablation", "misclassified", "confusion", "features_per_class"):
        for stale in folder.glob(f"{kind}*.json"):
            stale.unlink()
    run.progress.start("debug")
    for name, finding in _findings(run):
        finding.save(folder / f"{name}.json")
        run.progress.advance(1, finding.title)
    run.progress.finish()


def _findings(run: Run) -> Iterator[tuple[str, Finding]]:
    """(file name, finding), each as soon as it is made."""
    yield "features_per_class", features_per_class(run.head)
    skipped: dict[str, str] = {}
    for number, task in enumerate(tasks(run)):
        for kind, analysis in ANALYSES.items():
            try:
                finding = analysis(run, task)
            except DataError as error:  # this analysis has nothing to look at here, which is worth saying
                skipped[f"{task.name} {kind}".strip()] = error.what
                continue
            if finding is None:
                continue
            if task.name:
                # One label's finding is not the run's: the page must not take it for that.
                finding = replace(finding, kind=f"label_{kind}", title=f"{task.name}: {finding.title}")
            yield kind if not task.name else f"{kind}-{number:03d}", finding
    run.record.note(not_analysed=skipped)


def rows_of(run: Run, task: Task, part: str) -> Tensor:
    """The rows of one part; with ``balance_test``, as many test rows of either class of a two-class question (C.1)."""
    rows: Tensor = getattr(run.split, part)
    if part == "test" and run.config.data.balance_test and task.head.n_classes == 2:
        return balanced(task.labels, rows, seed=run.config.data.seed)
    return rows


def _tradeoff(run: Run, task: Task) -> Finding:
    rows = {part: rows_of(run, task, part) for part in PARTS}
    splits: dict[str, tuple[Any, Any]] = {part: (run.table.view(r), task.labels[r]) for part, r in rows.items()}
    dense = {part: predicted(task.dense, run.table.view(r)) for part, r in rows.items()}
    # An edited head is not a point of the path.
    selected = None if run.record.facts.get("edited_from") else task.chosen
    return tradeoff(task.path, splits, dense=dense, selected=selected)


def _fidelity(run: Run, task: Task) -> Finding | None:
    if task.network is None:
        return None
    network, rows = task.network, {part: rows_of(run, task, part) for part in PARTS}
    ours = {part: predicted(task.head, run.table.view(r)) for part, r in rows.items()}
    theirs = {part: network[r] for part, r in rows.items()}
    return fidelity(ours, theirs, {part: task.labels[r] for part, r in rows.items()})


def _test(run: Run, task: Task) -> tuple[Any, Tensor]:
    rows = rows_of(run, task, "test")
    return run.table.view(rows), task.labels[rows]


def _ablation(run: Run, task: Task) -> Finding:
    k = max(1, min(10, round(task.head.features_per_class / 4)))
    return ablation({"dense": task.dense, "sparse": task.head}, *_test(run, task), k=k)


def _misclassified(run: Run, task: Task) -> Finding:
    return of_table(misclassified(task.head, *_test(run, task)), rows_of(run, task, "test"))


def _confusion(run: Run, task: Task) -> Finding | None:
    if task.head.n_classes < 3:
        return None
    return confusion(task.head, *_test(run, task), seed=run.config.data.seed)


ANALYSES: dict[str, Callable[[Any, Task], Finding | None]] = {
    "tradeoff": _tradeoff,
    "fidelity": _fidelity,
    "ablation": _ablation,
    "misclassified": _misclassified,
    "confusion": _confusion,
}
