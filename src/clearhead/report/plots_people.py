"""Figures of studies: the forms that people saw (Figs 23, 28, 32) and what they said (Figs 24, 30)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clearhead.core.finding import Finding
from clearhead.report.plot_parts import ACCENT, SOFT, WIDTH, Drawing, Look, canvas, intervals, legend, plain

__all__ = ["DRAW"]

FORMS = {"simulate": "23", "spurious": "28", "misclassification": "32"}
WORDS = 25


def _form(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Figs 23, 28, 32: one task as people saw it: features above, inputs below."""
    kind = str(finding.settings["kind"])
    rows = finding.tables["shown"].rows()
    sides = [[row for row in rows if row["part"] == part] for part in ("patterns", "candidates")]
    sides = [side for side in sides if side]
    tallest = max(map(len, sides))
    figure, axes = canvas(0.3 + 1.25 * tallest)
    axes.axis("off")
    width, height = 1 / len(sides), 1 / tallest
    for s, side in enumerate(sides):
        for i, row in enumerate(side):
            left, bottom = s * width, 1 - (i + 1) * height
            axes.text(left, bottom + 0.82 * height, plain(row["name"]), fontsize=8, color="black", va="bottom")
            _contents(axes, row, (left, bottom, 0.96 * width, 0.78 * height), look)
    axes.set(xlim=(0, 1), ylim=(0, 1), title=plain(finding.title))
    yield f"{FORMS.get(kind, '')}-form-{kind}", figure


def _contents(axes: Any, row: Mapping[str, Any], box: tuple[float, float, float, float], look: Look) -> None:
    """The pictures of one thing side by side, or its words and sentences."""
    pictures = [p for p in (look(path) for path in row["pictures"]) if p is not None]
    left, bottom, width, height = box
    for j, picture in enumerate(pictures[:3]):
        inset = axes.inset_axes((left + j * width / 3, bottom, 0.95 * width / 3, height))
        inset.imshow(picture, interpolation="nearest" if max(picture.shape[:2]) < 64 else "antialiased")
        inset.set_anchor("W")
        inset.axis("off")
    if row["words"]:
        text = "\n".join(line for words in row["words"][:3] for line in textwrap.wrap(words, round(115 * width))[:2])
        axes.text(left, bottom + height, text.replace("$", r"\$"), fontsize=7, color="#3a3935", va="top")


def _simulate(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 24: probabilities of the images shown, how the chosen image ranks, accuracy by class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    probabilities, ranks = finding.tables["probabilities"].rows(), finding.tables["ranks"].rows()
    classes = finding.tables["per_class"].rows()
    for number, arm in enumerate(dict.fromkeys(row["arm"] for row in ranks)):
        colour, shift = (ACCENT if number else SOFT), 0.2 - 0.4 * number
        _quantiles(first, [row for row in probabilities if row["arm"] == arm and row["n"]], shift, colour)
        mine = [row for row in ranks if row["arm"] == arm]
        second.bar([r["rank"] - shift for r in mine], [r["share"] or 0 for r in mine], 0.38, color=colour, label=arm)
        shares = [row[arm] for row in classes if row[arm] is not None]
        third.hist(shares, bins=list(np.linspace(0, 1, 11)), color=colour, histtype="step", linewidth=1.5)
    first.set(xlabel="(a) rank", ylabel="target probability", xticks=[1, 2, 3])
    second.set(xlabel="(b) rank of the chosen image", ylabel="share of tasks", xticks=[1, 2, 3])
    third.set(xlabel="(c) accuracy", ylabel="classes")
    legend(second)
    third.yaxis.get_major_locator().set_params(integer=True)
    yield "24-simulate", figure


def _quantiles(axes: Any, rows: Sequence[Mapping[str, Any]], shift: float, colour: str) -> None:
    """5 to 95 % as a thin line, the middle half as a thick one, the median as a dot."""
    at = [row["rank"] - shift for row in rows]
    axes.vlines(at, [r["p05"] for r in rows], [r["p95"] for r in rows], color=colour, linewidth=1)
    axes.vlines(at, [r["p25"] for r in rows], [r["p75"] for r in rows], color=colour, linewidth=4)
    axes.plot(at, [r["median"] for r in rows], "o", color=colour, markeredgecolor="white", markersize=6)


def _spurious(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Fig. 30 as a ranked list: the words of the descriptions; and what was said of the pairs."""
    rows = finding.tables["descriptions"].rows()[:WORDS]
    if rows:
        figure, axes = canvas(0.7 + 0.19 * len(rows))
        at = -np.arange(len(rows))
        axes.barh(at, [row["answers"] for row in rows], color=ACCENT, height=0.7)
        axes.set_yticks(at, [plain(row["word"]) for row in rows], fontsize=8)
        axes.set(xlabel="answers that use the word")
        yield "30-descriptions", figure
    yield "30-common-patterns", intervals(finding.tables["summary"], "value", "pairs with a common pattern")


def _misclassification(finding: Finding, look: Look) -> Iterator[Drawing]:
    """Section 3.3's misclassification study: how often each kind of feature matched."""
    yield "33-people", intervals(finding.tables["rates"], "value", "share of tasks")


DRAW: dict[str, Callable[[Finding, Look], Iterator[Drawing]]] = {
    "study_form": _form,
    "study_simulate": _simulate,
    "study_spurious": _spurious,
    "study_misclassification": _misclassification,
}
