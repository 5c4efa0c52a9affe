"""Suspects and the repair they suggest: from training examples, labels and the head, and a column if one is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import read_json
from clearhead.core.errors import ArtifactError, DataError, SettingError
from clearhead.core.finding import Finding
from clearhead.debug import (
    Cue,
    Evidence,
    Material,
    Objects,
    PairOptions,
    RepairPlan,
    SuggestOptions,
    Swap,
    Swapped,
    cue_from_errors,
    cue_from_groups,
    cue_from_surroundings,
    gather_evidence,
    removals,
    spurious,
    suggest_removals,
    suspects,
    suspicion,
    swap_surroundings,
)
from clearhead.features.exemplars import top_rows
from clearhead.head import Edit, SparseHead, read_edits, write_edits
from clearhead.report.rows import of_table
from clearhead.runs import fitting, sources
from clearhead.runs.asking import DebugSettings
from clearhead.runs.tasks import Task

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["findings", "suggested", "suspect"]

EXEMPLARS = 3


@dataclass(frozen=True, eq=False)
class _Grounds:
    """What features are suspected on: rows (numbers, raw features, labels), their cue, and recombined pictures."""

    rows: Tensor
    features: Tensor
    labels: Tensor
    cue: Cue
    swapped: Swapped | None = None


def findings(run: Run, questions: list[Task], settings: DebugSettings) -> Iterator[tuple[str, Finding]]:
    """(file name, finding) of the suspects, of the class pairs ranked by them, and of the suggested removals."""
    if "sparse" not in questions[0].heads:
        raise DataError("suspects are looked for in training rows, and nothing is fitted", fix="bring training data")
    grounds = _grounds(run, settings.model, settings.cue)
    evidence = gather_evidence(run.head, grounds.features, grounds.labels, grounds.cue, swapped=grounds.swapped)
    tops = top_rows(run.table, EXEMPLARS, index=grounds.rows, seed=run.config.data.seed).rows
    found = suspects(run.head, evidence, also=_next_in_line(run), exemplars=tops)
    yield "suspects", of_table(found, range(len(run.table)))
    if run.head.n_classes > 2:
        yield from _pairs(run, questions[0], evidence, settings)
    if grounds.cue.source != "errors":
        yield "removals", _suggest(run, grounds, evidence)


def suspect(run: Run, model: str | None = None, cue: str | None = None) -> Finding:
    """Which features follow the surroundings rather than the object; the removals that mend the head are kept.

    Pictures of the training rows are recombined (the middle of one, the surroundings of another, chosen independently
    of the label) and run through the network; validation rows, test rows and groups are not looked at. With ``cue``, a
    column of the training rows says what the shortcut would be, and no picture is needed. Without either, the head's
    own mistakes on validation rows are the only clue, too little to suggest a repair on.
    """
    labels = fitting.labels_of(run)
    if labels.ndim != 1:
        raise SettingError("suspects are looked for with one label a row", got=f"{labels.shape[1]} labels at once")
    task = Task("", {"sparse": run.head, "dense": run.dense}, labels, {"test": run.split.test})
    kept = {}
    for name, finding in findings(run, [task], DebugSettings(model=model, cue=cue)):
        finding.save(run.folder / "findings" / f"{name}.json")
        kept[name] = finding
    return kept["suspects"]


def suggested(run: Run) -> tuple[SparseHead, list[Edit], float]:
    """The repair that `suspect` suggested: the mended head, its edits and its certified gap.

    `ArtifactError` if it was not asked yet.
    """
    folder = run.folder / "suggested"
    steps = next((f for f in run.findings if f.kind == "removals"), None)
    if steps is None or "gap" not in steps.numbers or not (folder / "edits.json").exists():
        raise ArtifactError(f"{run.folder} has no suggestion", fix=f"clearhead debug {run.folder} --suspects")
    gap = steps.numbers["gap"]
    assert isinstance(gap, float)
    return SparseHead.load(folder), read_edits(folder / "edits.json"), gap


def _grounds(run: Run, model: str | None, column: str | None) -> _Grounds:
    labels = fitting.labels_of(run)
    if labels.ndim != 1:
        raise SettingError("suspects are looked for with one label a row", got=f"{labels.shape[1]} labels at once")
    if column is not None:
        return _named(run, labels, column)
    if run.table.kind == "image":
        return _pictured(run, labels, model)
    rows = run.split.val
    features = run.table.take(rows).float()
    return _Grounds(rows, features, labels[rows], cue_from_errors(run.head, features, labels[rows]))


def _named(run: Run, labels: Tensor, column: str) -> _Grounds:
    """The class that goes with each value of a column, by the majority of the training rows that have it."""
    rows = run.split.train
    values = sources.column(run.table, column)
    assert values is not None  # a name was given
    _, number = np.unique(values[rows.numpy()], return_inverse=True)
    own, k = labels[rows], run.head.n_classes
    counts = torch.zeros(int(number.max()) + 1, k).index_put_(
        (torch.from_numpy(number), own), torch.ones(len(own)), accumulate=True
    )
    said = counts.argmax(1)[torch.from_numpy(number)]
    if int(said.min()) == int(said.max()) or bool((said == own).all()):
        raise DataError(
            f"the column {column!r} says " + ("the label itself" if bool((said == own).all()) else "nothing of it"),
            fix="name the column of the shortcut alone (background, scanner, source), which sometimes disagrees",
        )
    return _Grounds(rows, run.table.take(rows).float(), own, cue_from_groups(said, k))


def _pictured(run: Run, labels: Tensor, model: str | None) -> _Grounds:
    network, data, rows = sources.same_backbone(run, model), sources.examples(run), run.split.train
    numbers = sources.example_numbers(run, data)
    features, seed = run.table.take(rows).float(), run.config.data.seed

    def featurize(pictures: list[Image.Image]) -> Tensor:
        with torch.no_grad():
            return network.features(network.preprocess(pictures)).float().cpu()

    boxes = sources.column(run.table, run.config.data.box_column)
    pictures: Any = data.subset([numbers[int(row)] for row in rows])
    swapped = swap_surroundings(
        pictures,
        labels[rows],
        featurize,
        objects=None if boxes is None else Objects(boxes[rows.numpy()].astype(float)),
        swap=Swap(seed=seed),
        progress=run.progress,
    )
    cue = cue_from_surroundings(run.head, swapped, features, rows=torch.arange(len(rows)))
    return _Grounds(rows, features, labels[rows], cue, swapped)


def _next_in_line(run: Run) -> Tensor:
    """Features that the best head of the path uses: they take over when those in use are removed."""
    best = run.path[read_json(run.folder / "head" / "selection.json")["best_index"][0]]
    used: Tensor = (best.coef != 0).any(1).nonzero().flatten()
    return used


def _pairs(run: Run, task: Task, evidence: Evidence, settings: DebugSettings) -> Iterator[tuple[str, Finding]]:
    scores = {name: suspicion(head, evidence)[0] for name, head in task.heads.items()}
    options = PairOptions(pairs=settings.pairs, seed=run.config.data.seed)
    ranked = "the suspects, whose rows are not those shown here"
    try:
        found = spurious(task.heads, *task.part(run, "test"), options, suspicion=scores, ranked_by=ranked)
    except DataError:  # no pair shares a feature: `debug` says so by itself
        return
    yield "spurious", of_table(found, task.rows["test"])


def _suggest(run: Run, grounds: _Grounds, evidence: Evidence) -> Finding:
    """The removals, and the mended head on disk until `mend` is asked."""
    on = "balanced" if grounds.swapped is None else "recombined"
    plan: RepairPlan = suggest_removals(
        run.head,
        Material(grounds.features, grounds.labels),
        evidence,
        grounds.cue,
        SuggestOptions(on=on, seed=run.config.data.seed),
        swapped=grounds.swapped,
        progress=run.progress,
    )
    folder = run.folder / "suggested"
    plan.head.save(folder)
    write_edits(folder / "edits.json", plan.edits)
    return removals(run.head, plan)
