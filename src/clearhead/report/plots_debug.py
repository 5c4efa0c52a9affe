"""Figures of what was found wrong: bias, shared features, errors, confusing features (Figs 26, 27, 29, 33, 35)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.report.plot_parts import (
    ACCENT,
    MINUS,
    SOFT,
    Drawing,
    Look,
    Picture,
    canvas,
    intervals,
    legend,
    plain,
    tiles,
)
from clearhead.report.rows import counts_table_rows

__all__ = ["DRAW", "confusing_features"]

PAIRS, ERRORS, ACROSS = 6, 12, 6
COLOURS = (ACCENT, MINUS, SOFT, "black")


def _bias_words(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Figs 26-27 as numbers: the share of words that name groups, for and against each class, by head."""
    table = finding.tables["words"]
    seen = [row for row in table.rows() if row["share"] is not None]
    labels = [f"{row['class']}, {row['direction']}" for row in seen]
    if seen:
        yield "26-27-bias-words", _by_head(seen, labels, "share", "share of the top words that name a group")


def _bias_errors(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Error rates where a group is mentioned, one figure a kind of error."""
    rows = finding.tables["rates"].rows()
    for kind in dict.fromkeys(row["rate"] for row in rows):
        mine = [row for row in rows if row["rate"] == kind]
        yield f"27-bias-errors-{kind}", _by_head(mine, [row["group"] for row in mine], "value", f"{kind} rate")


def _by_head(rows: Sequence[Mapping[str, Any]], labels: Sequence[str], value: str, xlabel: str) -> Any:
    """Estimates in groups, one colour a head."""
    names, heads = list(dict.fromkeys(labels)), list(dict.fromkeys(row["head"] for row in rows))
    figure, axes = canvas(0.9 + 0.14 * len(names) * (len(heads) + 1))
    for h, head in enumerate(heads):
        mine = [(names.index(label), row) for label, row in zip(labels, rows, strict=True) if row["head"] == head]
        at = np.array([-(i + (h + 0.5) / (len(heads) + 0.6)) for i, _ in mine])
        colour = COLOURS[h % len(COLOURS)]
        axes.hlines(at, [r["low"] for _, r in mine], [r["high"] for _, r in mine], color=colour, alpha=0.5, linewidth=2)
        axes.plot([r[value] for _, r in mine], at, "o", color=colour, markersize=4, label=plain(head), clip_on=False)
    axes.set_yticks([-(i + 0.5) for i in range(len(names))], [plain(n) for n in names])
    axes.set(xlabel=xlabel, xlim=(0, None), ylim=(-len(names), 0))
    legend(axes)
    return figure


def _spurious(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 29: pairs of classes with one feature in common, and the pictures of each that activate it most."""
    rows = finding.tables["pairs"].rows()
    if not counts_table_rows(finding) or not any(
        _rows_of(look, [*row["rows_a"], *row["rows_b"]]) for row in rows[:PAIRS]
    ):
        return
    sparse = [row for row in rows if row["head"] == "sparse"] or rows
    lines = []
    for row in sparse[:PAIRS]:
        sides = [(_rows_of(look, row[f"rows_{x}"]), row[f"class_{x}"], row[f"weight_{x}"]) for x in "ab"]
        lines.append((plain(row["feature"]), sides))
    figure, axes = canvas(1.35 * len(lines))
    axes.axis("off")
    width, height = 1 / ACROSS, 1 / len(lines)
    for i, (feature, sides) in enumerate(lines):
        for s, (pictures, class_, weight) in enumerate(sides):
            for j, picture in enumerate(pictures[:3]):
                place = ((3 * s + j) * width + 0.005, 1 - (i + 1) * height + 0.01, width - 0.01, 0.78 * height)
                inset = _show(axes, place, picture)
                if j == 0:
                    title = f"{plain(_brief(class_))} ({weight:+.2g})" + (f"  ·  {feature}" if s == 0 else "")
                    inset.set_title(title, fontsize=7, loc="left", pad=2)
    yield "29-shared-features", figure


def _show(axes: Any, place: tuple[float, ...], picture: Picture) -> Any:
    inset = axes.inset_axes(place)
    inset.imshow(picture, interpolation="nearest" if max(picture.shape[:2]) < 64 else "antialiased")
    inset.axis("off")
    return inset


def _brief(name: str) -> str:
    """The first of a class's names, as long as a plate has room for."""
    first = name.split(",")[0]
    return first if len(first) <= 24 else first[:23] + "…"


def _rows_of(look: Look, rows: Sequence[int]) -> list[Picture]:
    found = (look(f"row/{row}") for row in rows)
    return [picture for picture in found if picture is not None]


def _misclassified(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 33: wrong answers, each with the feature whose removal turns it, those that one feature decides first."""
    if not counts_table_rows(finding):
        return
    rows = sorted(finding.tables["rows"].rows(), key=lambda r: r.get("flip_size") or 99)
    found = [(row, _rows_of(look, [row["row"]])) for row in rows[:ERRORS]]
    shown = [(row, pictures[0]) for row, pictures in found if pictures]
    if not shown:
        return
    figure, axes = canvas(2.0 * -(-len(shown) // 4))
    axes.axis("off")
    names = [f"{_brief(row['truth'])}\nas {_brief(row['predicted'])}: {row['top_feature']}" for row, _ in shown]
    tiles(axes, [picture for _, picture in shown], names, 4)
    yield "33-misclassified", figure


def confusing_features(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 35: the features that the most confused pairs of classes share, with their pictures where there are any."""
    if "features" not in finding.tables or not len(finding.tables["features"]):
        return
    rows = finding.tables["features"].rows()
    names = [f"{_brief(row['class_a'])} / {_brief(row['class_b'])}: {row['feature']}" for row in rows[:20]]
    weights = [(row["weight_a"], row["weight_b"]) for row in rows[:20]]
    figure, axes = canvas(0.8 + 0.24 * len(names))
    at = -np.arange(len(names))
    axes.barh(at + 0.18, [a for a, _ in weights], 0.34, color=ACCENT, label="weight for the first")
    axes.barh(at - 0.18, [b for _, b in weights], 0.34, color=MINUS, label="weight for the second")
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(at, [plain(n) for n in names], fontsize=7)
    axes.set(xlabel="weight", ylim=(-len(names) + 0.4, 0.6))
    legend(axes)
    yield "35-confusing-features", figure


def _counterfactual(finding: Finding, look: Look) -> Iterator[Drawing]:
    """How often one changed word turns the answer, by head, with random and with searched words."""
    found = {k: v for k, v in finding.numbers.items() if isinstance(v, Estimate) and not k.endswith("words_changed")}
    if found:
        rows = list(found.values())
        columns: dict[str, list[Any]] = {"what": [k.replace("_", " ") for k in found], "value": [e.value for e in rows]}
        columns |= {"low": [e.low for e in rows], "high": [e.high for e in rows]}
        yield "counterfactual-text", intervals(Table(columns), "value", "share of sentences")


DRAW: dict[str, Callable[[Finding, Look], Iterator[Drawing]]] = {
    "bias_words": _bias_words,
    "bias_errors": _bias_errors,
    "spurious": _spurious,
    "misclassified": _misclassified,
    "counterfactual_text": _counterfactual,
}
