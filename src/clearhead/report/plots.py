"""Figures of findings for papers and slides, drawn with matplotlib's objects alone: no global state, no display."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.core.finding import Estimate, Finding, Table

__all__ = ["ACCENT", "MINUS", "drawings"]

ACCENT, MINUS, SOFT = "#0b6787", "#b4500f", "#8a877f"
WIDTH = 6.4
Picture = npt.NDArray[Any]
Look = Callable[[str], Picture | None]
"""The picture that a finding names, or None if it is not there."""
Drawing = tuple[str, Any]


def drawings(finding: Finding, look: Look) -> Iterator[Drawing]:
    """(name, matplotlib figure) of a finding; one of an unknown kind is drawn from its estimates and pictures."""
    yield from _DRAW.get(finding.kind.removeprefix("label_"), _anything)(finding, look)


def _new(height: float = 3.6, columns: int = 1, **grid: Any) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, columns, **grid)


def _tradeoff(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 16: accuracy against features per class, the dense head as a dashed line."""
    columns = finding.tables["path"].columns
    density = np.asarray(columns["features_per_class"], float)
    seen = density > 0
    figure, axes = _new()
    for split, style in (("train", ":"), ("val", "--"), ("test", "-")):
        if f"{split}_accuracy" not in columns:
            continue
        accuracy = np.asarray(columns[f"{split}_accuracy"], float)
        axes.plot(density[seen], accuracy[seen], style, color=ACCENT if split == "test" else SOFT, label=split)
        if split == "test":
            low, high = (np.asarray(columns[f"test_{side}"], float) for side in ("low", "high"))
            axes.fill_between(density[seen], low[seen], high[seen], color=ACCENT, alpha=0.12, linewidth=0)
    dense = finding.numbers.get("dense_test_accuracy", finding.numbers.get("dense_val_accuracy"))
    if isinstance(dense, Estimate):
        axes.axhline(dense.value, color="black", linestyle=(0, (6, 4)), linewidth=0.9, label="dense")
    _mark_selected(axes, finding)
    axes.set(xscale="log", xlabel="features per class", ylabel="accuracy")
    axes.legend(frameon=False)
    yield "16-tradeoff", figure


def _mark_selected(axes: Any, finding: Finding) -> None:
    at, score = finding.numbers.get("features_per_class"), finding.numbers.get("test_accuracy")
    if isinstance(at, int | float) and isinstance(score, Estimate) and at > 0:
        axes.plot([at], [score.value], "o", color=ACCENT, markersize=7, markeredgecolor="white", label="selected")


def _per_class(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 17: distribution of the number of features per class."""
    counts = np.asarray(finding.tables["classes"].columns["features"], int)
    figure, axes = _new()
    bins = min(40, int(counts.max(initial=0)) + 1)
    axes.hist(counts, bins=np.linspace(-0.5, counts.max(initial=0) + 0.5, bins + 1), color=ACCENT)
    axes.axvline(counts.mean() if len(counts) else 0, color="black", linestyle=":", linewidth=1)
    axes.set(xlabel="features used", ylabel="classes")
    axes.yaxis.get_major_locator().set_params(integer=True)
    yield "17-features-per-class", figure


def _ordering(finding: Finding, look: Look, classes: int = 4) -> Iterator[Drawing]:
    """Figs 12-15: the weights of a class along the path, and pictures of its features in order of entry."""
    lambdas = np.asarray(finding.tables["lambdas"].columns["lambda"], float)
    paths, entries = finding.tables["paths"].rows(), finding.tables["entries"].rows()
    for class_ in list(dict.fromkeys(row["class"] for row in paths))[:classes]:
        mine = sorted((r for r in entries if r["class"] == class_), key=lambda r: r["order"])[:6]
        found = [(row, _feature_picture(finding, row["feature"], look)) for row in mine]
        shown = [(row, picture) for row, picture in found if picture is not None]
        figure, axes = _new(3.4, 2 if shown else 1, squeeze=False, width_ratios=[1.5, 1] if shown else None)
        _weight_paths(axes[0, 0], lambdas, [r for r in paths if r["class"] == class_], str(class_))
        if shown:
            axes[0, 1].axis("off")
            _tiles(axes[0, 1], [p for _, p in shown], [f"{row['name']}, T={row['step']}" for row, _ in shown], 2)
        yield f"12-15-ordering-{class_}", figure


def _weight_paths(axes: Any, lambdas: npt.NDArray[Any], rows: Sequence[Mapping[str, Any]], title: str) -> None:
    for row in rows:
        weights = np.asarray(row["weights"], float)
        color = ACCENT if weights[-1] >= 0 else MINUS
        axes.plot(lambdas, weights, color=color, linewidth=1, alpha=0.8)
        axes.annotate(f"{row['feature']}", (lambdas[-1], weights[-1]), fontsize=6, color=color, va="center")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set(xscale="log", xlabel="λ", ylabel="weight", title=_plain(title))
    axes.invert_xaxis()


def _feature_picture(finding: Finding, feature: int, look: Look) -> Picture | None:
    for name, path in finding.media.items():
        if re.search(rf"(^|/){feature}[+-]?$", name):
            picture = look(path)
            if picture is not None:
                return picture
    return None


def _shared(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 34: how often two classes are confused against how many features they share."""
    for name, table in finding.tables.items():
        shared = next((c for c in table.columns if "shared" in c), None)
        confused = next((c for c in table.columns if "confus" in c and c != shared), None)
        if shared and confused and len(table) and _numeric(table, shared) and _numeric(table, confused):
            figure, axes = _new()
            axes.scatter(table.columns[shared], table.columns[confused], s=12, color=ACCENT, alpha=0.4, linewidths=0)
            axes.set(xlabel=shared.replace("_", " "), ylabel=confused.replace("_", " "))
            yield f"34-{name}", figure
    yield from _anything(finding, look)


def _anything(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Estimates with their intervals, and the pictures that the finding names in one plate."""
    for name, table in finding.tables.items():
        value = next((c for c in ("value", "mean", "rate", "share", "accuracy") if c in table.columns), None)
        if value and {"low", "high"} <= set(table.columns) and 1 < len(table) <= 30:
            yield f"{finding.kind}-{name}", _intervals(table, value)
    found = [(name, look(path)) for name, path in list(finding.media.items())[:24]]
    pictures = [(name, picture) for name, picture in found if picture is not None]
    if pictures:
        across = min(4, len(pictures))
        figure, axes = _new(1.7 * -(-len(pictures) // across))
        axes.axis("off")
        _tiles(axes, [p for _, p in pictures], [name for name, _ in pictures], across)
        yield f"{_PAPER.get(finding.kind, '')}{finding.kind}", figure


def _panels(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Figs 17-22: one panel a class, drawn by the analysis; here only framed for a page."""
    for name, path in finding.media.items():
        picture = look(path)
        if picture is not None:
            figure, axes = _new(WIDTH * picture.shape[0] / picture.shape[1])
            axes.imshow(picture, interpolation="lanczos")
            axes.axis("off")
            yield f"17-22-panel-{name}", figure


def _intervals(table: Table, value: str) -> Any:
    named = [c for c, v in table.columns.items() if all(isinstance(x, str) for x in v)][:2]
    names = [" · ".join(str(row[c]) for c in named) or str(i) for i, row in enumerate(table.rows())]
    centre, low, high = (np.asarray(table.columns[c], float) for c in (value, "low", "high"))
    figure, axes = _new(0.8 + 0.26 * len(table))
    at = np.arange(len(table))[::-1]
    axes.hlines(at, low, high, color=ACCENT, alpha=0.5, linewidth=2)
    axes.plot(centre, at, "o", color=ACCENT, markersize=5)
    axes.set_yticks(at, [_plain(n) for n in names])
    axes.set(xlabel=value.replace("_", " "))
    return figure


def _tiles(axes: Any, pictures: Sequence[Picture], names: Sequence[str], across: int) -> None:
    """Pictures in rows on one axes, each with its name above."""
    down = -(-len(pictures) // across)
    for i, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        x, y = (i % across) / across, 1 - (i // across + 1) / down
        inset = axes.inset_axes((x + 0.01, y + 0.01, 0.98 / across - 0.01, 0.84 / down))
        inset.imshow(picture, interpolation="nearest" if max(picture.shape[:2]) < 64 else "antialiased")
        inset.axis("off")
        inset.set_title(_plain(name), fontsize=7, pad=2)


def _numeric(table: Table, column: str) -> bool:
    return all(isinstance(v, int | float) for v in table.columns[column])


def _plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return (text if len(text) <= 60 else text[:59] + "…").replace("$", r"\$")


_PAPER = {
    "words": "16-",
    "bias": "26-27-",
    "spurious": "29-",
    "suspects": "29-",
    "study_spurious": "30-",
    "counterfactual_image": "31-",
    "misclassified": "33-",
    "study_simulate": "24-",
}
_DRAW: dict[str, Callable[[Finding, Look], Iterator[Drawing]]] = {
    "tradeoff": _tradeoff,
    "features_per_class": _per_class,
    "ordering": _ordering,
    "panels": _panels,
    "confusion": _shared,
}
