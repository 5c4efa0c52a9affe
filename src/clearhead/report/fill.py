"""Fill a `Bundle` from what a run holds: table, split, paths, heads and findings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from clearhead.core.finding import Estimate, Finding
from clearhead.features.exemplars import top_rows
from clearhead.features.table import FeatureTable
from clearhead.glm.solution import RegularizationPath
from clearhead.head import SparseHead
from clearhead.report import pathheads
from clearhead.report.bundle import Bundle, Examples, Explanation, Head
from clearhead.report.reference import Reference
from clearhead.report.removals import removals
from clearhead.report.rows import named_rows
from clearhead.report.sample import Sample, draw
from clearhead.report.stored import StoredValues

__all__ = ["Source", "Thumbnails", "bundle"]

EXEMPLARS = 16


@dataclass(frozen=True, eq=False)
class Source:
    """What a run holds.

    Parameters
    ----------
    table, parts : the features, and "train", "val", "test" → row numbers (int64).
    paths, chosen : the path (one a label where many labels hold at once) and the selected index of each.
    head, dense, dense_name : the selected head, the reference, and what it is.
    labels : the labels of the table's rows, if they are not the table's own.
    network : the original network's class of each row, in the head's own numbers, or None.
    picture : row number → picture, None for text and plain features.
    findings, folder : the findings, and the folder that their media are relative to.
    explanations : feature → pictures and words, media named as in ``media``.
    wanted : further row numbers to ship.
    edited : whether the head was changed after it was selected, so that it is no point of the path.
    against : another run's bundle to compare with.
    """

    title: str
    table: FeatureTable
    parts: Mapping[str, Tensor]
    paths: Sequence[RegularizationPath]
    chosen: Sequence[int]
    head: SparseHead
    dense: SparseHead | None = None
    dense_name: str = "the network's own dense head"
    labels: Tensor | None = None
    network: Tensor | None = None
    picture: Callable[[int], Image.Image] | None = None
    findings: Sequence[Finding] = ()
    folder: Path | None = None
    explanations: Mapping[int, Sequence[Explanation]] = field(default_factory=dict)
    wanted: Sequence[int] = ()
    edited: bool = False
    against: Bundle | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    sensitive: bool = False


def bundle(
    source: Source, *, max_examples: int = 8000, n_heads: int = 15, thumbnail: int = 112, seed: int = 0
) -> Bundle:
    """The `Bundle` of a run, with about ``n_heads`` heads of the path and at most ``max_examples`` rows.

    ``thumbnail`` is the longer side of the small pictures, in pixels. Features are read in one pass over the table's
    blocks; the sample's own values stay where they are until the page is written.
    """
    tradeoff = next((f for f in source.findings if f.kind == "tradeoff"), None)
    path = pathheads.points(source.paths, source.chosen, tradeoff)
    first = pathheads.offsets(source.paths, source.chosen)[0]
    positions = pathheads.spaced(path, -first, n_heads)
    heads = [pathheads.stacked(source.paths, source.chosen, position + first) for position in positions]
    selected = positions.index(-first)
    if source.edited:  # beside its origin
        selected += 1
        heads.insert(selected, _edited(source.head))
    heads[selected] = _own(source.head, heads[selected])
    if heads[selected].point is not None:
        path[-first] = replace(path[-first], fidelity=_fidelity(source.findings))
    removed = _removals(source)
    also = [] if source.against is None else [source.against.head]
    shipped = np.unique(np.concatenate([h.feature for h in [*heads, *also]]))
    tops = top_rows(source.table, EXEMPLARS, features=shipped, seed=seed).rows.numpy()
    # Features of the selected head show all their exemplars before those of other heads show a second one.
    mine = tops[np.isin(shipped, heads[selected].feature)]
    sample = draw(
        [tops[:, :1], mine, tops],
        source.parts["test"],
        source.parts["val"],
        wanted=[*source.wanted, *named_rows(source.findings, max_examples // 4)],
        limit=max_examples,
        seed=seed,
    )
    return Bundle(
        title=source.title,
        kind="array" if source.table.kind not in ("image", "text") else source.table.kind,  # type: ignore[arg-type]
        class_names=list(source.head.class_names),
        feature_names=list(source.head.feature_names),
        path=path,
        heads=heads,
        selected=selected,
        examples=_examples(source, sample, shipped, thumbnail),
        dense=None if source.dense is None else _dense(source.dense, source.dense_name),
        dense_scores=_dense_scores(tradeoff),
        split_sizes={name: len(rows) for name, rows in source.parts.items()},
        exemplars=_exemplars(shipped, tops, sample),
        explanations=source.explanations,
        findings=source.findings,
        media=_media(source),
        removals=removed,
        scores={removed["split"]: removed["accuracy"]} if removed else {},
        against=source.against,
        provenance=source.provenance,
        caveats=source.caveats,
        sensitive=source.sensitive,
    )


def _own(head: SparseHead, point: Head) -> Head:
    """The selected head as it is now: solved again more exactly than the path, or edited."""
    weight = head.link.logits(head.weight).cpu().numpy()
    feature, column = np.nonzero(weight)
    intercept = head.link.logits(head.intercept[None])[0].cpu().numpy()
    return replace(point, feature=feature, column=column, weight=weight[feature, column], intercept=intercept)


def _edited(head: SparseHead) -> Head:
    """A head that is no point of the path."""
    weight, intercept = head.weight.cpu().numpy(), head.intercept.cpu().numpy()
    many = head.link.name == "multilabel"
    made = Head.of_labels(weight, intercept) if many else Head.from_matrix(weight, intercept)
    return replace(made, name="edited head")


def _fidelity(findings: Sequence[Finding]) -> float | None:
    numbers = next((f.numbers for f in findings if f.kind == "fidelity"), {})
    value = numbers.get("test_fidelity", numbers.get("val_fidelity"))
    return value.value if isinstance(value, Estimate) else None


def _dense(head: SparseHead, name: str) -> Reference:
    """One margin serves two classes only where each row has one of them."""
    make = Reference.of_margin if head.link.name == "margin" else Reference.of
    return make(head.weight.cpu().numpy(), name)


def _dense_scores(tradeoff: Finding | None) -> dict[str, float]:
    if tradeoff is None or "dense" not in tradeoff.tables:
        return {}
    columns = tradeoff.tables["dense"].columns
    return {str(split): float(value) for split, value in zip(columns["split"], columns["value"], strict=True)}


def _exemplars(shipped: Any, tops: Any, sample: Sample) -> dict[int, list[int]]:
    """Feature → places of its strongest rows, as far down as they ship without a gap."""
    place = {int(row): i for i, row in enumerate(sample.rows)}
    ranked = ([place.get(int(row)) for row in line] for line in tops)
    return {
        int(j): [i for i in takewhile(lambda i: i is not None, r) if i is not None]
        for j, r in zip(shipped, ranked, strict=True)
    }


def _removals(source: Source) -> dict[str, Any]:
    """On all test rows, for one class a row; a head of many labels has no single accuracy to change."""
    labels = source.labels if source.labels is not None else source.table.labels
    rows = source.parts["test"]
    if labels is None or labels.ndim != 1 or not len(rows) or source.head.link.name == "multilabel":
        return {}
    return removals(source.head, source.table.view(rows), labels[rows])


def _examples(source: Source, sample: Sample, shipped: Any, thumbnail: int) -> Examples:
    table, rows = source.table, sample.rows
    labels = source.labels if source.labels is not None else table.labels
    part = np.full(table.shape[0], "unused", object)
    for name, numbers in source.parts.items():
        part[numbers.numpy()] = name
    groups = {
        name: np.asarray(values)[rows].tolist()
        for name, values in table.columns.items()
        if np.asarray(values).ndim == 1 and name != "split"
    }
    return Examples(
        features=shipped,
        values=StoredValues(table, rows, shipped, source.head.standardizer),
        labels=np.full(len(rows), -1) if labels is None else labels.numpy()[rows],
        split=part[rows].tolist(),
        uris=[table.uris[i] for i in rows],
        row=rows,
        uniform=sample.uniform,
        texts=None if table.texts is None else [table.texts[i] for i in rows],
        network=None if source.network is None else source.network.numpy()[rows],
        thumbnails=None if source.picture is None else Thumbnails(source.picture, rows.tolist(), thumbnail),
        groups=groups,
        note=sample.note,
    )


def _media(source: Source) -> dict[str, Path]:
    if source.folder is None:
        return {}
    named = [path for f in source.findings for path in f.media.values()]
    named += [e.media for list_ in source.explanations.values() for e in list_ if e.media]
    root = source.folder.resolve()
    # A findings file from a stranger must not make the page copy files from elsewhere.
    inside = {name: (root / name).resolve() for name in dict.fromkeys(named)}
    return {name: path for name, path in inside.items() if path.is_relative_to(root) and path.is_file()}


class Thumbnails(Sequence[bytes | None]):
    """Small encoded pictures of some rows, made when they are asked for; None where a picture cannot be read."""

    def __init__(self, picture: Callable[[int], Image.Image], rows: Sequence[int], size: int) -> None:
        self._picture, self._rows, self._size = picture, rows, size

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[bytes | None]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        try:
            return thumbnail_bytes(self._picture(self._rows[i]), self._size)
        except (OSError, ValueError):
            return None


def thumbnail_bytes(picture: Image.Image, size: int) -> bytes:
    """A picture of at most ``size`` pixels a side: PNG where it is tiny, so that pixels stay exact, else WebP."""
    small = picture.convert("RGB")
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    if max(small.size) <= 48:
        small.save(buffer, "PNG")
    else:
        small.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()
