"""Which parts of its exemplars drive a feature: LIME on superpixels (Wong et al. 2021, B.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.explain.frozen import frozen
from clearhead.explain.image_explainer import ImageExplainer, SuperpixelsOptions
from clearhead.explain.intervals import mean_estimate
from clearhead.explain.selection import Direction, constant_note, directions, exemplar_rows, label
from clearhead.explain.subject import Subject

__all__ = ["SuperpixelsOptions", "superpixels"]


def superpixels(
    subject: Subject,
    features: Sequence[int],
    run: Path | str,
    options: SuperpixelsOptions | None = None,
    progress: Progress | None = None,
    *,
    masks: Mapping[int, NDArray[np.integer]] | None = None,
) -> Finding:
    """Explain the exemplars of each feature by their superpixels; every image is done once for all its features.

    ``masks`` maps row numbers to the user's own (h, w) superpixels at the resolution that the network sees.
    Table "superpixels" has a row an exemplar; media are named "12+" and "12-" (exemplar and overlay, k pairs).
    """
    options, progress = options or SuperpixelsOptions(), progress or Silent()
    backbone, _ = subject.network("image")
    wanted = directions(subject, features, options.direction)
    chosen = exemplar_rows(subject, wanted, options.exemplars, options.seed)
    job = ImageExplainer.of(subject, run, options, masks)
    by_row: dict[int, list[Direction]] = {}
    for direction, rows in chosen.items():
        for row in rows.tolist():
            by_row.setdefault(row, []).append(direction)
    entries: dict[tuple[Direction, int], dict[str, Any]] = {}
    progress.start("superpixels of images", len(by_row))
    with frozen(backbone.model):
        for row, here in by_row.items():
            entries |= {(direction, row): entry for direction, entry in job.image(row, here).items()}
            progress.advance()
    progress.finish()
    ordered = [(d, rank, row) for d, rows in chosen.items() for rank, row in enumerate(rows.tolist(), 1)]
    table = _table([{"rank": rank, **entries[d, row]} for d, rank, row in ordered])
    return Finding(
        kind="superpixels",
        title="Superpixels that drive each feature",
        sentence=_sentence(table, len(by_row), len(wanted)),
        numbers=_numbers(table, len(by_row)),
        tables={"superpixels": table},
        caveats=(*constant_note(subject, features), *_small_note(table)),
        settings={**asdict(options), "key": job.shelf.key, "features": list(features)},
        media={label(d): job.draw(d, rows.tolist()) for d, rows in chosen.items()},
    )


COLUMNS = (
    *("feature", "name", "sign", "rank", "row", "uri", "z", "r2", "parts", "supporting", "opposing"),
    *("top_weight", "top_low", "top_high", "deletion_top", "deletion_random"),
)
UNITS = {
    "z": "activation of the image, in standard deviations",
    "r2": "share of the activation's variance over masks that the superpixels explain linearly",
    "supporting": "superpixels whose 95 % interval lies above zero (bootstrap of the masks)",
    "opposing": "superpixels whose 95 % interval lies below zero",
    "top_weight": "largest superpixel weight in the direction explained, in standard deviations",
    "deletion_top": "fall of z (in the direction explained) without the top superpixels",
    "deletion_random": "mean fall without as many random ones",
}


def _table(entries: Sequence[Mapping[str, Any]]) -> Table:
    return Table({name: [entry[name] for entry in entries] for name in COLUMNS}, UNITS)


def _numbers(table: Table, images: int) -> dict[str, Any]:
    gains: dict[int, list[float]] = {}
    for entry in table.rows():
        gains.setdefault(entry["row"], []).append(entry["deletion_top"] - entry["deletion_random"])
    fits = np.asarray(table.columns["r2"], dtype=float)
    return {
        "images": images,
        "fit_r2": mean_estimate(fits, "exemplar"),
        "deletion_gain": mean_estimate([float(np.mean(g)) for g in gains.values()], "image"),
    }


def _sentence(table: Table, images: int, wanted: int) -> str:
    gain = _numbers(table, images)["deletion_gain"]
    if gain.n < 2:
        return f"{wanted} directions of features were explained on {images} images."
    return (
        f"Hiding the top superpixels of a feature lowers it by {gain.value:.2f} standard deviations more than hiding "
        f"as many random ones (95 % interval {gain.low:.2f} to {gain.high:.2f}, {gain.n} images)."
    )


def _small_note(table: Table) -> tuple[str, ...]:
    few = len({row for row, parts in zip(table.columns["row"], table.columns["parts"], strict=True) if parts < 4})
    return (f"{few} images are too small for four superpixels; their explanations are coarse.",) if few else ()
