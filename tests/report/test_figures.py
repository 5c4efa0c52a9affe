"""Static figures and tables of findings."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.report.figures import write_figures
from clearhead.report.paper_tables import latex, markdown, tables
from clearhead.report.plots import drawings

pytest.importorskip("matplotlib")


def picture() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def named(kind: str, **parts: object) -> Finding:
    return Finding(kind=kind, title=f"about {kind}", sentence="", **parts)  # type: ignore[arg-type]


FINDINGS = [
    named(
        "tradeoff",
        numbers={"dense_test_accuracy": Estimate(0.9, 0.8, 0.95, 100, "wilson"), "features_per_class": 2.0}
        | {"test_accuracy": Estimate(0.8, 0.7, 0.9, 100, "wilson")},
        tables={
            "path": Table(
                {
                    "features_per_class": [0.0, 1.0, 2.0],
                    "test_accuracy": [0.1, 0.5, 0.8],
                    "test_low": [0.0, 0.4, 0.7],
                    "test_high": [0.2, 0.6, 0.9],
                    "val_accuracy": [0.1, 0.5, 0.8],
                }
            )
        },
    ),
    named("features_per_class", tables={"classes": Table({"class": ["a", "b"], "features": [3, 0]})}),
    named(
        "ordering",
        tables={
            "lambdas": Table({"lambda": [1.0, 0.1, 0.01]}),
            "paths": Table({"class": ["$x_1"], "feature": [4], "weights": [[0.0, 0.1, 0.3]]}),
            "entries": Table({"class": ["$x_1"], "order": [1], "feature": [4], "name": ["four"], "step": [1]}),
        },
        media={"visualization/4+": "m/four.png"},
    ),
    named("panels", media={"class/0": "m/four.png", "class/1": "gone.png"}),
    named("confusion", tables={"pairs": Table({"shared_features": [1, 2], "confusion": [0.1, 0.3]})}),
    named(
        "ablation",
        settings={"k": 10},
        tables={
            "ablation": Table(
                {
                    "head": ["dense", "dense"],
                    "features": ["all", "top_k"],
                    "accuracy": [0.7403, 0.5846],
                    "low": [0.7, 0.5],
                    "high": [0.8, 0.6],
                }
            )
        },
    ),
    named("counterfactual_image", media={"a": "m/four.png"}),
]


def test_every_kind_is_drawn_in_every_format(tmp_path: Path) -> None:
    made = write_figures(FINDINGS, tmp_path, media={"m/four.png": picture()})
    assert all(path.stat().st_size > 0 for path in made)
    stems = {path.stem for path in made if path.suffix == ".svg"}
    assert stems == {
        "figure-16-tradeoff",
        "figure-17-features-per-class",
        "figure-12-15-ordering-x_1",
        "figure-17-22-panel-class-0",
        "figure-34-pairs",
        "figure-ablation-ablation",
        "figure-31-counterfactual_image",
    }
    for suffix in (".pdf", ".png"):
        assert {path.stem for path in made if path.suffix == suffix} == stems


def estimates(*names: str, **columns: list[object]) -> Table:
    return Table({**columns, **{n: [0.2, 0.4] for n in names}, "low": [0.1, 0.3], "high": [0.3, 0.5], "n": [9, 9]})


HEADS: dict[str, list[object]] = {"head": ["sparse", "dense"]}
DEEPER = {
    "26-27-bias-words": named(
        "bias_words",
        tables={"words": estimates("share", **HEADS, **{"class": ["a", "a"], "direction": ["for", "for"]})},
    ),
    "27-bias-errors-false-positive": named(
        "bias_errors", tables={"rates": estimates("value", **HEADS, group=["men", "men"], rate=["false positive"] * 2)}
    ),
    "29-shared-features": named(
        "spurious",
        settings={"rows_of": "table"},
        tables={
            "pairs": Table(
                {
                    "head": ["sparse"],
                    "class_a": ["a"],
                    "class_b": ["b"],
                    "feature": ["f"],
                    "weight_a": [0.5],
                    "weight_b": [-0.2],
                    "rows_a": [[7]],
                    "rows_b": [[8]],
                }
            )
        },
    ),
    "33-misclassified": named(
        "misclassified",
        settings={"rows_of": "table"},
        tables={
            "rows": Table({"row": [7], "truth": ["a"], "predicted": ["b"], "top_feature": ["$f"], "flip_size": [None]})
        },
    ),
    "35-confusing-features": named(
        "confusion",
        tables={
            "features": Table(
                {"class_a": ["a"], "class_b": ["b"], "feature": ["f"], "weight_a": [0.5], "weight_b": [-0.2]}
            )
        },
    ),
    "counterfactual-text": named(
        "counterfactual_text", numbers={"sparse_random_of_all": Estimate(0.2, 0.1, 0.3, 50, "wilson")}
    ),
    "23-form-simulate": named(
        "study_form",
        settings={"kind": "simulate"},
        tables={
            "shown": Table(
                {
                    "part": ["patterns", "candidates"],
                    "name": ["feature 1", "input 1"],
                    "pictures": [["row/7"], []],
                    "words": [[], ["a word"]],
                }
            )
        },
    ),
    "24-simulate": named(
        "study_simulate",
        tables={
            "probabilities": Table(
                {"arm": ["sparse"], "rank": [1], "n": [4], "p05": [0.1], "p25": [0.2], "p75": [0.5], "p95": [0.7]}
                | {"median": [0.3]}
            ),
            "ranks": Table({"arm": ["sparse"], "rank": [1], "tasks": [4], "share": [1.0]}),
            "per_class": Table({"class": [0], "class_name": ["a"], "sparse": [0.7], "n_sparse": [4]}),
            "accuracy": Table(
                {"arm": ["sparse"], "images": ["overall"], "value": [0.7], "low": [0.6], "high": [0.8], "n": [4]}
            ),
        },
    ),
    "30-descriptions": named(
        "study_spurious",
        tables={
            "descriptions": Table({"word": ["sky"], "answers": [3]}),
            "summary": estimates("value", arm=["dense", "sparse"]),
        },
    ),
}


@pytest.mark.parametrize("name", DEEPER)
def test_figures_of_bugs_and_of_people(name: str, tmp_path: Path) -> None:
    made = write_figures([DEEPER[name]], tmp_path, media={"row/7": picture(), "row/8": picture()})
    stems = {path.stem for path in made if path.suffix == ".png"}
    assert f"figure-{name}" in stems
    assert all(path.stat().st_size > 0 for path in made)


def test_rows_without_pictures_draw_no_empty_plate(tmp_path: Path) -> None:
    made = write_figures([DEEPER["29-shared-features"], DEEPER["33-misclassified"]], tmp_path)
    assert not [path for path in made if path.suffix == ".png"]


def test_rows_of_something_else_are_not_drawn(tmp_path: Path) -> None:
    own = [replace(DEEPER[name], settings={}) for name in ("29-shared-features", "33-misclassified")]
    made = write_figures(own, tmp_path, media={"row/7": picture(), "row/8": picture()})
    assert not [path for path in made if path.suffix == ".png"]


def test_a_rehearsal_is_never_taken_for_what_people_said(tmp_path: Path) -> None:
    rehearsed = replace(DEEPER["24-simulate"], kind="rehearsed_simulate")
    made = {path.name for path in write_figures([rehearsed], tmp_path)}
    assert "figure-24-simulate-rehearsed.svg" in made
    assert not any(name.startswith(("figure-24-simulate.", "table-25")) for name in made)
    assert "Simulated answers" in (tmp_path / "figure-24-simulate-rehearsed.svg").read_text(encoding="utf-8")


def test_legends_stand_above_the_bars() -> None:
    (_, figure) = next(drawings(DEEPER["35-confusing-features"], lambda _: None))
    (axes,) = figure.axes
    figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().y0 >= axes.patch.get_window_extent().y1


def test_table_25_is_the_papers() -> None:
    made = dict(tables(DEEPER["24-simulate"]))
    assert dict(made["25-accuracy"].columns) == {"decision layer": ["sparse"], "overall": ["70.0 (60.0 to 80.0)"]}


def test_equal_findings_make_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_figures(FINDINGS[:2], tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_table_37_is_the_papers(tmp_path: Path) -> None:
    made = dict(tables(FINDINGS[5]))
    assert dict(made["37-ablation"].columns) == {"k": [10], "dense: all": [74.03], "dense: top-k": [58.46]}


def test_names_cannot_break_a_table() -> None:
    table = Table({"a_b": ["x & y | 50 % \\cmd {z}", "line\nbreak"], "n": [1, 2.5]})
    assert r"x \& y | 50 \% \textbackslash{}cmd \{z\}" in latex(table, "50 %")
    assert r"\caption{50 \%}" in latex(table, "50 %")
    assert r"x & y \| 50 % \cmd {z}" in markdown(table)
    assert "line break" in markdown(table)
