"""Figures of findings for papers and slides, drawn with matplotlib's objects alone: no global state, no display."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.report import plots_debug, plots_people
from clearhead.report.plot_parts import (
    ACCENT,
    MINUS,
    SOFT,
    Drawing,
    Look,
    Picture,
    canvas,
    framed,
    intervals,
    plain,
    tiles,
)

__all__ = ["drawings"]


def drawings(finding: Finding, look: Look) -> Iterator[Drawing]:
    """(name, matplotlib figure) of a finding; one of an unknown kind is drawn from its estimates and pictures."""
    rehearsed = finding.kind.startswith("rehearsed_") or "rehearsed" in finding.tables
    kind = re.sub("^rehearsed_", "study_", finding.kind.removeprefix("label_"))
    for name, figure in _DRAW.get(kind, _anything)(finding, look):
        if rehearsed:
            figure.suptitle("Simulated answers: nobody was asked", x=0.01, ha="left", fontsize=8, color=MINUS)
        yield (f"{name}-rehearsed" if rehearsed else name), figure


def _tradeoff(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 16: accuracy against features per class, the dense head as a dashed line."""
    columns = finding.tables["path"].columns
    density = np.asarray(columns["features_per_class"], float)
    seen = density > 0
    figure, axes = canvas()
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
    figure, axes = canvas()
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
        figure, axes = canvas(3.4, 2 if shown else 1, squeeze=False, width_ratios=[1.5, 1] if shown else None)
        _weight_paths(axes[0, 0], lambdas, [r for r in paths if r["class"] == class_], str(class_))
        if shown:
            axes[0, 1].axis("off")
            tiles(axes[0, 1], [p for _, p in shown], [f"{row['name']}, T={row['step']}" for row, _ in shown], 2)
        yield f"12-15-ordering-{class_}", figure


def _weight_paths(axes: Any, lambdas: npt.NDArray[Any], rows: Sequence[Mapping[str, Any]], title: str) -> None:
    for row in rows:
        weights = np.asarray(row["weights"], float)
        color = ACCENT if weights[-1] >= 0 else MINUS
        axes.plot(lambdas, weights, color=color, linewidth=1, alpha=0.8)
        axes.annotate(f"{row['feature']}", (lambdas[-1], weights[-1]), fontsize=6, color=color, va="center")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set(xscale="log", xlabel="λ", ylabel="weight", title=plain(title))
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
            figure, axes = canvas()
            axes.scatter(table.columns[shared], table.columns[confused], s=12, color=ACCENT, alpha=0.4, linewidths=0)
            axes.set(xlabel=shared.replace("_", " "), ylabel=confused.replace("_", " "))
            yield f"34-{name}", figure
    yield from plots_debug.confusing_features(finding, look)


def _anything(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Estimates with their intervals, and the pictures that the finding names in one plate."""
    for name, table in finding.tables.items():
        value = next((c for c in ("value", "mean", "rate", "share", "accuracy") if c in table.columns), None)
        if value and {"low", "high"} <= set(table.columns) and 1 < len(table) <= 30:
            yield f"{_PAPER.get(finding.kind, '')}{finding.kind}-{name}", intervals(table, value)
    found = [(name, look(path)) for name, path in list(finding.media.items())[:24]]
    pictures = [(name, picture) for name, picture in found if picture is not None]
    if pictures:
        across = min(4, len(pictures))
        figure, axes = canvas(1.7 * -(-len(pictures) // across))
        axes.axis("off")
        tiles(axes, [p for _, p in pictures], [name for name, _ in pictures], across)
        yield f"{_PAPER.get(finding.kind, '')}{finding.kind}", figure


def _panels(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Figs 17-22: one panel a class, drawn by the analysis; here only framed for a page."""
    for name, path in finding.media.items():
        picture = look(path)
        if picture is not None:
            yield f"17-22-panel-{name}", framed(picture)


def _numeric(table: Table, column: str) -> bool:
    return all(isinstance(v, int | float) for v in table.columns[column])


_PAPER = {
    "words": "16-",
    "suspects": "29-",
    "counterfactual_image": "31-",
}
_DRAW: dict[str, Callable[[Finding, Look], Iterator[Drawing]]] = {
    "tradeoff": _tradeoff,
    "features_per_class": _per_class,
    "ordering": _ordering,
    "panels": _panels,
    "confusion": _shared,
    **plots_debug.DRAW,
    **plots_people.DRAW,
}
