"""The analyses of one question: each a function of the run, the question and what was asked, each a finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clearhead.core.errors import DataError, ModelError, SettingError
from clearhead.core.finding import Finding
from clearhead.debug import (
    MisclassifiedOptions,
    PairOptions,
    ablation,
    bias_errors,
    confusion,
    fidelity,
    misclassified,
    spurious,
    suspicion_from_errors,
    tradeoff,
)
from clearhead.debug.inputs import predicted
from clearhead.report.rows import of_table
from clearhead.runs import contrast
from clearhead.runs.asking import DebugSettings, identity_words
from clearhead.runs.tasks import Task

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["ANALYSES", "Analysis"]

Analysis = Callable[[Any, Task, DebugSettings], Finding]


def _tradeoff(run: Run, task: Task, settings: DebugSettings) -> Finding:
    if task.path is None:
        raise DataError("nothing is fitted, so there is no path to trade along", fix="bring training data")
    splits: dict[str, tuple[Any, Any]] = {part: task.part(run, part) for part in task.rows}
    dense = {part: predicted(task.heads["dense"], X) for part, (X, _) in splits.items()}
    # An edited head is not a point of the path.
    selected = None if run.record.facts.get("edited_from") else task.chosen
    return tradeoff(task.path, splits, dense=dense, selected=selected, head=task.head)


def _fidelity(run: Run, task: Task, settings: DebugSettings) -> Finding:
    if task.network is None:
        raise ModelError("the network has no predictions over these classes to agree with")
    if task.own:
        raise DataError(
            "the network's own head would be compared with itself", fix="fit a sparse head, or edit this one"
        )
    network = task.network
    ours = {part: predicted(task.head, run.table.view(rows)) for part, rows in task.rows.items()}
    theirs = {part: network[rows] for part, rows in task.rows.items()}
    truth = {part: task.labels[rows] for part, rows in task.rows.items()}
    return fidelity(ours, theirs, truth, head=f"{next(iter(task.heads))} head")


def _ablation(run: Run, task: Task, settings: DebugSettings) -> Finding:
    k = settings.k
    if k is None:
        k = 10 if "sparse" not in task.heads else max(1, min(10, round(task.head.features_per_class / 4)))
    return ablation(dict(reversed(list(task.heads.items()))), *task.part(run, "test"), k=k)


def _misclassified(run: Run, task: Task, settings: DebugSettings) -> Finding:
    options = MisclassifiedOptions(off=settings.off, seed=run.config.data.seed)
    return of_table(misclassified(task.head, *task.part(run, "test"), options), task.rows["test"])


def _confusion(run: Run, task: Task, settings: DebugSettings) -> Finding:
    return confusion(task.head, *task.part(run, "test"), seed=run.config.data.seed)


def _spurious(run: Run, task: Task, settings: DebugSettings) -> Finding:
    """Ranked by how much a feature follows the head's errors on validation rows; `suspecting` ranks by pictures."""
    if task.head.n_classes == 2:
        raise DataError(
            "two classes share every feature, so pairs say nothing", fix="--suspects ranks the features themselves"
        )
    options = PairOptions(pairs=settings.pairs, seed=run.config.data.seed)
    # The rows that are shown should not be those that the ranking was made from.
    judged = "val" if "val" in task.rows else "test"
    X, y = task.part(run, judged)
    scores = {name: suspicion_from_errors(head, X, y) for name, head in task.heads.items()}
    known = {name: score for name, score in scores.items() if score is not None}
    ranked = "how much a feature follows the head's own errors" + (" on validation rows" if judged == "val" else "")
    found = spurious(task.heads, *task.part(run, "test"), options, suspicion=known or None, ranked_by=ranked)
    return of_table(found, task.rows["test"])


def _bias_errors(run: Run, task: Task, settings: DebugSettings) -> Finding:
    if run.table.kind != "text" or run.table.texts is None:
        raise SettingError("error rates by group of people are for texts")
    rows = task.rows["test"]
    texts = [run.table.texts[int(row)] for row in rows]
    guesses = {name: predicted(head, run.table.view(rows)) for name, head in task.heads.items()}
    guesses |= contrast.other_predictions(run, task, settings.against)
    if task.head.n_classes != 2:
        raise DataError(
            "false positives and negatives are for labels that hold or do not", got=f"{task.head.n_classes} classes"
        )
    words = identity_words(settings.identity)
    return bias_errors(texts, task.labels[rows], guesses, identity=words, names=task.head.class_names)


def _compare(run: Run, task: Task, settings: DebugSettings) -> Finding:
    return contrast.compared(run, task, settings.against)


ANALYSES: dict[str, Analysis] = {
    "tradeoff": _tradeoff,
    "fidelity": _fidelity,
    "ablation": _ablation,
    "misclassified": _misclassified,
    "confusion": _confusion,
    "spurious": _spurious,
    "bias_errors": _bias_errors,
    "compare": _compare,
}
