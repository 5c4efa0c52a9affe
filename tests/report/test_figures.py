"""Static figures and tables of findings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.report.figures import write_figures
from clearhead.report.paper_tables import latex, markdown, tables

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
