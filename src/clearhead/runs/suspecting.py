"""Suspects and the repair they suggest: from training pictures, labels and the head alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import read_json
from clearhead.core.errors import ArtifactError, SettingError
from clearhead.core.finding import Finding
from clearhead.debug import (
    Material,
    RepairPlan,
    SuggestOptions,
    Swap,
    cue_from_surroundings,
    gather_evidence,
    removals,
    suggest_removals,
    suspects,
    swap_surroundings,
)
from clearhead.features.exemplars import top_rows
from clearhead.head import Edit, SparseHead, read_edits, write_edits
from clearhead.report.rows import of_table
from clearhead.runs import fitting, sources

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["suggested", "suspect"]

EXEMPLARS = 3


def suspect(run: Run, options: SuggestOptions | None = None, model: str | None = None) -> tuple[Finding, RepairPlan]:
    """Which features follow the surroundings rather than the object, and which removals mend the head.

    Pictures of the training rows are recombined (the middle of one, the surroundings of another, chosen independently
    of the label) and run through the network; validation rows, test rows and groups are not looked at.
    """
    labels = fitting.labels_of(run)
    if run.table.kind != "image" or labels.ndim != 1:
        raise SettingError("suspects need pictures with one label each", got=f"a run of kind {run.table.kind!r}")
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
        boxes=None if boxes is None else boxes[rows.numpy()].astype(float),
        swap=Swap(seed=seed),
        progress=run.progress,
    )
    cue = cue_from_surroundings(run.head, swapped, features, rows=torch.arange(len(rows)))
    evidence = gather_evidence(run.head, features, labels[rows], cue, swapped=swapped)
    tops = top_rows(run.table, EXEMPLARS, index=rows, seed=seed).rows
    # Features that the best head of the path uses are next in line when those in use are removed.
    best = run.path[read_json(run.folder / "head" / "selection.json")["best_index"][0]]
    also = (best.coef != 0).any(1).nonzero().flatten()
    finding = of_table(suspects(run.head, evidence, also=also, exemplars=tops), range(len(run.table)))
    plan = suggest_removals(
        run.head, Material(features, labels[rows]), evidence, cue, options, swapped=swapped, progress=run.progress
    )
    finding.save(run.folder / "findings" / "suspects.json")
    removals(run.head, plan).save(run.folder / "findings" / "removals.json")
    suggested = run.folder / "suggested"
    plan.head.save(suggested)
    write_edits(suggested / "edits.json", plan.edits)
    return finding, plan


def suggested(run: Run) -> tuple[SparseHead, list[Edit]]:
    """The repair that `suspect` suggested: the mended head and its edits; `ArtifactError` if it was not asked yet."""
    folder = run.folder / "suggested"
    if not (folder / "edits.json").exists():
        raise ArtifactError(f"{run.folder} has no suggestion", fix=f"clearhead debug {run.folder} --suspects")
    return SparseHead.load(folder), read_edits(folder / "edits.json")
