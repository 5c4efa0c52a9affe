"""Pictures changed: surroundings that a suspicious feature follows, pasted behind objects of other classes (F.2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Finding
from clearhead.core.seeds import torch_generator
from clearhead.debug import PasteOptions, box_mask, counterfactual_image, surround_mask
from clearhead.explain.segments import segment
from clearhead.features.images import open_image
from clearhead.head import SparseHead
from clearhead.runs import sources
from clearhead.runs.asking import DebugSettings
from clearhead.runs.contrast import origin, other_run, same_features
from clearhead.runs.tasks import Task
from clearhead.runs.wording import drawn

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["counterfactuals"]

PATTERNS = 50
TARGETS = 3


def counterfactuals(run: Run, questions: list[Task], settings: DebugSettings) -> Iterator[tuple[str, Finding]]:
    """For each suspected class: do its surroundings, behind test pictures of other classes, flip them to it?

    Patterns come from the training pictures of the class that the feature answers to most (any, where only a class is
    named), controls from training pictures of the other classes.
    """
    if run.table.kind != "image" or len(questions) > 1:
        raise SettingError("patterns are pasted into pictures with one label each")
    task = questions[0]
    if "train" not in task.rows:
        raise DataError("patterns come from training pictures, and nothing is fitted", fix="bring training data")
    data = sources.examples(run)
    numbers, network = sources.example_numbers(run, data), sources.same_backbone(run, settings.model)
    seed, heads = run.config.data.seed, _heads(run, task, settings)

    def featurize(pictures: list[Image.Image]) -> Tensor:
        return network.features(network.preprocess(pictures)).float().cpu()

    def opened(rows: Tensor) -> list[Image.Image]:
        return [data[numbers[int(row)]] for row in rows]

    for number, (target, feature, sign) in enumerate(_targets(run, task, settings)):
        others = task.rows["test"][task.labels[task.rows["test"]] != target]
        objects = drawn(others, settings.examples, seed)
        finding = counterfactual_image(
            heads,
            featurize,
            opened(objects),
            _masks(run, opened(objects), objects, settings.mask),
            target=target,
            patterns=opened(_patterns(run, task, target, feature, sign)),
            controls=opened(_controls(task, target, seed)),
            options=PasteOptions(per_image=1, seed=seed),
        )
        yield "counterfactual_image" + (f"-{number:03d}" if number else ""), finding


def _heads(run: Run, task: Task, settings: DebugSettings) -> dict[str, SparseHead]:
    """Sparse and dense, or the heads before and after where another run of the same network is there to compare."""
    if settings.against is None and origin(run) is None:
        return dict(task.heads)
    other = other_run(run, settings.against)
    if not same_features(run, other):
        raise SettingError("pasted pictures are run through one network", got=f"{other.folder.name}: another network")
    return {"before": other.head, "after": run.head}


def _targets(run: Run, task: Task, settings: DebugSettings) -> list[tuple[int, int | None, float]]:
    """(class, feature, sign of its cue): the class named, or those of the most suspicious features."""
    if settings.target is not None:
        return [(task.head.class_number(settings.target), None, 1.0)]
    found = next((f for f in run.findings if f.kind == "suspects"), None)
    rows = [] if found is None else [row for row in found.tables["suspects"].rows() if row["score"] > 0]
    if not rows:
        raise DataError("no feature is suspected yet", fix="pass --suspects too, or --target CLASS")
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["class"], row)
    chosen = list(first.values())[:TARGETS]
    return [(task.head.class_number(r["class"]), int(r["number"]), float(r["cue_correlation"])) for r in chosen]


def _patterns(run: Run, task: Task, target: int, feature: int | None, sign: float) -> Tensor:
    rows = task.rows["train"]
    own = rows[task.labels[rows] == target]
    if feature is None:
        return drawn(own, PATTERNS, run.config.data.seed)
    value = run.table.take(own)[:, feature].float() * (1 if sign >= 0 else -1)
    return own[value.argsort(descending=True, stable=True)[:PATTERNS]]


def _controls(task: Task, target: int, seed: int) -> Tensor:
    rows = task.rows["train"]
    others = rows[task.labels[rows] != target]
    pick = torch.randperm(len(others), generator=torch_generator(seed, "controls"))[:PATTERNS]
    return others[pick]


def _masks(run: Run, pictures: list[Image.Image], rows: Tensor, kind: str) -> list[NDArray[np.float32]]:
    if kind == "surroundings":
        return [surround_mask(picture.size) for picture in pictures]
    if kind == "boxes":
        boxes = sources.column(run.table, run.config.data.box_column)
        if boxes is None:
            raise SettingError("the run has no boxes", fix="--mask surroundings, or make the run with --box-column")
        return [box_mask(p.size, boxes[int(row)]) for p, row in zip(pictures, rows, strict=True)]
    if kind == "superpixels":
        return [_edge_superpixels(picture) for picture in pictures]
    if not Path(kind).is_file():
        raise SettingError("no such mask", got=kind, expected="surroundings, boxes, superpixels or a picture file")
    drawn_by_user = open_image(Path(kind)).convert("L")
    return [np.asarray(drawn_by_user.resize(p.size)).astype(np.float32) / np.float32(255) for p in pictures]


def _edge_superpixels(picture: Image.Image) -> NDArray[np.float32]:
    """1 on the superpixels that touch the picture's edge: a background that follows outlines."""
    labels = segment(np.asarray(picture.convert("RGB"), dtype=np.float64) / 255)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, edge).astype(np.float32)
