"""The examples that drive each feature most and least, by interval of activation, and within its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import atomic_path
from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.explain.selection import constant_note
from clearhead.explain.subject import Shelf, Subject
from clearhead.features.exemplars import TopRows, interval_rows, top_rows

__all__ = ["ExemplarsOptions", "exemplars"]


@dataclass(frozen=True)
class ExemplarsOptions:
    """How many examples are shown of each kind.

    Parameters
    ----------
    top, bottom : rows with the largest and the smallest activation.
    intervals, each : equally long intervals between smallest and largest activation, and random rows of each.
    classes, relevant : for so many classes of largest weight, the class's own rows with the largest w·z.
    side : longest side in pixels of stored pictures; 0 stores none.
    """

    top: int = 8
    bottom: int = 4
    intervals: int = 5
    each: int = 4
    classes: int = 2
    relevant: int = 4
    side: int = 160
    seed: int = 0


@dataclass(frozen=True)
class _Entry:
    feature: int
    group: str
    rank: int
    row: int
    value: float
    low: float | None = None
    high: float | None = None
    class_: int | None = None


def exemplars(
    subject: Subject,
    features: Sequence[int],
    run: Path | str,
    options: ExemplarsOptions | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Exact top, bottom, interval and class exemplars of each feature, ties ranked at random under the seed.

    Table "exemplars" has a row an example shown: its group is "top", "bottom", "interval" (0 the lowest, in ``rank``'s
    order) or "class"; pictures are media named "row/17", sentences stand in the column "text".
    """
    options, progress = options or ExemplarsOptions(), progress or Silent()
    live = [j for j in features if float(subject.head.scale[j]) > 0]
    progress.start("exemplars", 3)
    entries = _extremes(subject, live, options) if live else []
    progress.advance()
    entries += _by_class(subject, live, options) if live else []
    progress.advance()
    table = _table(subject, sorted(entries, key=lambda e: live.index(e.feature)))
    media = _pictures(subject, run, sorted(set(table.columns["row"])), options.side)
    progress.advance()
    progress.finish()
    return Finding(
        kind="exemplars",
        title="Examples that drive each feature",
        sentence=f"Exact exemplars of {len(live)} features among {len(subject.rows)} examples.",
        numbers={"features": len(live), "rows": len(subject.rows), "examples_shown": len(set(table.columns["row"]))},
        tables={"exemplars": table},
        caveats=constant_note(subject, features),
        settings={**asdict(options), "features": list(features)},
        media=media,
    )


def _extremes(subject: Subject, features: list[int], options: ExemplarsOptions) -> list[_Entry]:
    columns = torch.tensor(features)
    find: dict[str, Any] = {"index": subject.rows, "features": columns, "seed": options.seed}
    best = top_rows(subject.table, max(options.top, 1), **find)
    worst = top_rows(subject.table, max(options.bottom, 1), largest=False, **find)
    entries = _ranked("top", features, best, options.top) + _ranked("bottom", features, worst, options.bottom)
    if options.intervals < 1:
        return entries
    low, high = worst.values[:, 0].float(), best.values[:, 0].float()
    steps = torch.linspace(0, 1, options.intervals + 1)
    edges = low[:, None] + (high - low)[:, None] * steps
    # Rounding must not leave the largest activation outside its interval.
    edges[:, 0], edges[:, -1] = low, high
    found = interval_rows(subject.table, edges, options.each, **find)
    z = (edges.double() - subject.head.mean[columns, None]) / subject.head.scale[columns, None]
    for b, rows in enumerate(found):
        for i, feature in enumerate(features):
            span = (float(z[i, b]), float(z[i, b + 1]))
            entries += [
                _Entry(feature, "interval", rank, row, value, *span)
                for rank, row, value in _valid(rows, i, options.each)
            ]
    return entries


def _ranked(group: str, features: list[int], found: TopRows, number: int) -> list[_Entry]:
    return [_Entry(j, group, *one) for i, j in enumerate(features) for one in _valid(found, i, number)]


def _valid(found: TopRows, i: int, number: int) -> list[tuple[int, int, float]]:
    pairs = zip(found.rows[i].tolist(), found.values[i].tolist(), strict=True)
    return [(rank, row, value) for rank, (row, value) in enumerate(pairs, 1) if row >= 0 and rank <= number]


def _by_class(subject: Subject, features: list[int], options: ExemplarsOptions) -> list[_Entry]:
    """Within the rows of a class, relevance w·z ranks like the activation, up or down by the weight's sign."""
    labels = subject.table.labels
    if labels is None or options.relevant < 1:
        return []
    weights = subject.head.class_weights()
    wanted: dict[tuple[int, bool], list[int]] = {}
    for j in features:
        order = weights[j].abs().argsort(descending=True, stable=True)[: options.classes].tolist()
        for c in order:
            if float(weights[j, c]) != 0:
                wanted.setdefault((c, float(weights[j, c]) > 0), []).append(j)
    entries = []
    for (c, upwards), members in wanted.items():
        rows = subject.rows[_members(labels[subject.rows], c)]
        if len(rows):
            found = top_rows(
                subject.table,
                options.relevant,
                largest=upwards,
                index=rows,
                features=torch.tensor(members),
                seed=options.seed,
            )
            entries += [
                _Entry(j, "class", *one, class_=c) for i, j in enumerate(members) for one in _valid(found, i, len(rows))
            ]
    return entries


def _members(labels: Tensor, class_: int) -> Tensor:
    return labels[:, class_] == 1 if labels.ndim == 2 else labels == class_


def _table(subject: Subject, entries: Sequence[_Entry]) -> Table:
    table, head = subject.table, subject.head
    weights = head.class_weights()
    labels, texts = table.labels, table.texts

    def z(entry: _Entry) -> float:
        return float((entry.value - head.mean[entry.feature]) / head.scale[entry.feature])

    def named(row: int) -> Any:
        if labels is None:
            return None
        value = labels[row]
        return [table.class_names[int(c)] for c in value.nonzero()] if value.ndim else table.class_names[int(value)]

    columns: dict[str, list[Any]] = {
        "feature": [e.feature for e in entries],
        "group": [e.group for e in entries],
        "rank": [e.rank for e in entries],
        "row": [e.row for e in entries],
        "z": [z(e) for e in entries],
        "low": [e.low for e in entries],
        "high": [e.high for e in entries],
        "class": [None if e.class_ is None else head.class_names[e.class_] for e in entries],
        "relevance": [None if e.class_ is None else z(e) * float(weights[e.feature, e.class_]) for e in entries],
        "uri": [table.uris[e.row] for e in entries],
        "label": [named(e.row) for e in entries],
    }
    if texts is not None:
        columns["text"] = [texts[e.row] for e in entries]
    units = {
        "z": "activation in standard deviations",
        "low": "lower end of the activation interval, in standard deviations",
        "high": "its upper end",
        "relevance": "w·z, what the feature adds to the score of this class",
    }
    return Table(columns, units)


def _pictures(subject: Subject, run: Path | str, rows: Sequence[int], side: int) -> dict[str, str]:
    examples = subject.examples
    if examples is None or examples.kind != "image" or side < 1:
        return {}
    shelf = Shelf(run, "exemplars", examples.key, side)
    media = {}
    for row in rows:
        name = f"{row}.jpg"
        if not shelf.path(name).is_file():
            picture: Image.Image = examples[row].convert("RGB")
            picture.thumbnail((side, side))
            with atomic_path(shelf.path(name)) as temporary:
                picture.save(temporary, format="JPEG", quality=88)
        media[f"row/{row}"] = shelf.media(name)
    return media
