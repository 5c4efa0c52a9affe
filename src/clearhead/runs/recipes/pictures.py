"""Figures with pictures: paths, panels, pairs of classes, mistakes, confused classes, pasted patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from clearhead import explain as E
from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.seeds import numpy_generator, torch_generator
from clearhead.debug import confusion, counterfactual_image, misclassified, shared_features, spurious, surround_mask
from clearhead.explain.panel_drawing import Cell, draw_panel
from clearhead.explain.pictures import save_png
from clearhead.features.images import IMAGE_SUFFIXES, open_image, walk
from clearhead.report.rows import of_table
from clearhead.runs.recipes.job import Job

__all__ = ["make_confusing", "make_mistakes", "make_ordering", "make_pairs", "make_panel", "make_paste"]

FIRST = 6  # features shown of a class, in order of entry
SHOWN = 4  # pairs or mistakes in one figure
PASTED = 200  # pictures that a pattern is pasted into


def make_ordering(job: Job) -> list[Finding]:
    """Paths of two classes beside their first features (Figs 12-15)."""
    classes = job.classes(job.experiment.about["classes"])
    names = [job.heads["sparse"].class_names[c] for c in classes]
    plain = _of_classes(E.ordering(job.subject, None, None, E.OrderingOptions(first=FIRST)), names)
    seen = job.explained([int(j) for j in plain.tables["entries"].columns["feature"]])
    found = E.ordering(job.subject, None, job.run.folder, E.OrderingOptions(first=FIRST), findings=seen)
    return [_of_classes(found, names)]


def _of_classes(finding: Finding, names: Sequence[str]) -> Finding:
    """The finding without the classes that are not shown."""
    kept = {
        name: _filtered(table, lambda row: row["class"] in names) if "class" in table.columns else table
        for name, table in finding.tables.items()
    }
    if not len(kept["entries"]):
        raise DataError("no feature enters these classes along the path", got=", ".join(names), fix="name --classes")
    return replace(finding, tables=kept)


def _filtered(table: Table, keep: Any) -> Table:
    rows = [row for row in table.rows() if keep(row)]
    return Table({name: [row[name] for row in rows] for name in table.columns}, table.units)


def make_panel(job: Job) -> list[Finding]:
    """Five random features of the dense and of the sparse head for a class (Figs 17-22)."""
    options = E.PanelsOptions(classes=tuple(job.classes(1, job.experiment.about["nth"])))
    seen = job.explained([entry.feature for entry in E.panel_choice(job.subject, options)])
    return [E.panels(job.subject, None, job.run.folder, options, findings=seen)]


def make_pairs(job: Job) -> list[Finding]:
    """Random class pairs of the sparse head, the feature they share and its images (Fig. 29)."""
    rows = job.rows("test")
    found = of_table(spurious({"sparse": job.heads["sparse"]}, *job.part("test")), rows)
    pairs = found.tables["pairs"].rows()
    order = numpy_generator(job.run.config.data.seed, "paper pairs").permutation(len(pairs))[:SHOWN]
    panels = []
    for pair in (pairs[int(i)] for i in order):
        images = [_example(job, int(row)) for row in (*pair["rows_a"], *pair["rows_b"])]
        panels.append(_Panel(f"{pair['class_a']}  |  {pair['class_b']}: {pair['feature']}", images, []))
    return [_drawn(job, found, panels)]


def make_mistakes(job: Job) -> list[Finding]:
    """Misclassified images that one feature explains, beside the features for truth and prediction (Fig. 33)."""
    head = job.heads["sparse"]
    found = of_table(misclassified(head, *job.part("test")), job.rows("test"))
    rows = found.tables["rows"].rows()
    alone = [row for row in rows if row["without_top"] == row["truth"]] or rows
    chosen = sorted(alone, key=lambda row: -row["top_gamma"])[:SHOWN]
    sides = [("lowest_feature", "for the truth"), ("top_feature", "for the prediction")]
    seen = job.explained([head.feature_number(row[side]) for row in chosen for side, _ in sides])
    panels = []
    for row in chosen:
        weights = head.class_weights()
        cells = []
        for (side, words), name in zip(sides, (row["truth"], row["predicted"]), strict=True):
            j = head.feature_number(row[side])
            cells.append(_cell(job, seen, j, float(weights[j, head.class_number(name)]), f"{words}: {name}"))
        image = _example(job, int(row["row"]))
        panels.append(_Panel(f"{row['truth']} predicted as {row['predicted']}", [image], cells))
    return [_drawn(job, found, panels)]


def make_confusing(job: Job) -> list[Finding]:
    """The features that the most confused pair of classes shares, with both weights (Fig. 35)."""
    head = job.heads["sparse"]
    found = confusion(head, *job.part("test"), seed=job.run.config.data.seed)
    pair = _confused_pair(job, found)
    shared = shared_features(head, *pair).rows()[:5]
    seen = job.explained([head.feature_number(row["feature"]) for row in shared])
    cells = [
        _cell(job, seen, head.feature_number(row["feature"]), row[f"weight_{side}"], name)
        for side, name in zip("ab", pair, strict=True)
        for row in shared
    ]
    return [_drawn(job, found, [_Panel(" and ".join(pair), [], cells)])]


def _confused_pair(job: Job, found: Finding) -> tuple[str, str]:
    if len(job.options.classes) == 2:
        return job.options.classes[0], job.options.classes[1]
    for row in found.tables["pairs"].rows():
        if row["shared"]:
            return row["class_a"], row["class_b"]
    raise DataError("no two confused classes share a feature", fix="name two --classes, or choose a denser head")


class _Panel:
    """A title, a few images below it, and features with their pictures."""

    def __init__(self, title: str, images: Sequence[Image.Image], cells: Sequence[Cell]) -> None:
        self.title, self.images, self.cells = title, images, cells


def _cell(job: Job, seen: Sequence[Finding], feature: int, weight: float, head: str) -> Cell:
    pictures = {}
    for finding in seen:
        for sign in "-+" if weight > 0 else "+-":
            if path := finding.media.get(f"{feature}{sign}"):
                pictures[finding.kind] = job.run.folder / path
    return Cell(head, f"{job.heads['sparse'].feature_names[feature]}  W={weight:.3g}", pictures)


def _drawn(job: Job, found: Finding, panels: Sequence[_Panel]) -> Finding:
    """The finding with these panels as its figures."""
    media = {}
    for number, panel in enumerate(panels, 1):
        path = job.folder / "media" / f"{job.experiment.label}-{number}.png"
        save_png(path, draw_panel(panel.title, panel.images, panel.cells))
        media[str(number)] = path.relative_to(job.run.folder).as_posix()
    return replace(found, kind="panels", media=media)


def make_paste(job: Job) -> list[Finding]:
    """The pattern around objects of other classes, against other surroundings pasted alike (Fig. 31)."""
    options, head = job.options, job.heads["sparse"]
    if options.patterns is None or options.target is None:
        raise SettingError(
            "a pattern and the class it is blamed for are needed", fix="--patterns FOLDER --target CLASS"
        )
    patterns = [open_image(path) for path in walk(options.patterns) if path.suffix.lower() in IMAGE_SUFFIXES]
    rows, target = job.rows("test"), head.class_number(options.target)
    others = rows[job.labels[rows] != target]
    order = others[torch.randperm(len(others), generator=torch_generator(job.run.config.data.seed, "paste"))]
    half = min(len(order) // 2, PASTED)
    images, controls = ([_example(job, int(row)) for row in part] for part in (order[:half], order[half : 2 * half]))
    backbone = job.subject.backbone
    assert backbone is not None
    found = counterfactual_image(
        job.heads,
        lambda batch: backbone.features(backbone.preprocess(batch)).cpu(),
        images,
        [surround_mask((image.height, image.width)) for image in images],
        target=target,
        patterns=patterns,
        controls=controls,
    )
    shown = _Panel(f"the pattern blamed for {head.class_names[target]}, and pictures it was pasted into",
                   [*patterns[:3], *images[:3]], [])  # fmt: skip
    return [replace(_drawn(job, found, [shown]), tables=found.tables)]


def _example(job: Job, row: int) -> Image.Image:
    assert job.subject.examples is not None
    image = job.subject.examples[row]
    assert isinstance(image, Image.Image)
    return image
