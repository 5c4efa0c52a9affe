"""A bundle from what a run holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clearhead.features.table import FeatureTable
from clearhead.glm import fit_path
from clearhead.head import Edit, SparseHead, apply_edits
from clearhead.report import fill
from clearhead.report.page import write_report
from clearhead.report.sample import draw


def source(folder: Path, k: int = 3, n: int = 240, p: int = 8) -> fill.Source:
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, n)
    X = rng.normal(size=(n, p))
    X[:, :k] += 3 * np.eye(k)[y]
    table = FeatureTable.from_arrays(folder / "features", X, y)
    train, val, test = torch.arange(0, 120), torch.arange(120, 180), torch.arange(180, n)
    path = fit_path(table.view(train), table.labels[train], n_lambdas=12, lambda_min_ratio=1e-2)
    return fill.Source(
        title="a run",
        table=table,
        parts={"train": train, "val": val, "test": test},
        paths=[path],
        chosen=[7],
        head=SparseHead.from_solution(path[7]),
        dense=SparseHead.from_solution(path[-1]),
        picture=lambda row: Image.new("RGB", (200, 100), (row, 0, 0)),
    )


def test_the_selected_head_predicts_as_the_module_does(tmp_path: Path) -> None:
    made = source(tmp_path)
    bundle = fill.bundle(made, max_examples=100, n_heads=5)
    ours = bundle.head.scores(bundle.examples.values, bundle.examples.features).argmax(1)
    theirs = made.head.predict(made.table.take(torch.as_tensor(bundle.examples.row)))
    np.testing.assert_array_equal(ours, theirs.numpy())
    assert bundle.path[bundle.head.point].lambda_ == made.paths[0][7].lambda_
    assert write_report(bundle, tmp_path / "report").exists()


def test_a_binomial_head_has_two_classes(tmp_path: Path) -> None:
    made = source(tmp_path, k=2)
    bundle = fill.bundle(made, max_examples=60)
    assert bundle.head.n_classes == 2
    theirs = made.head.predict(made.table.take(torch.as_tensor(bundle.examples.row)))
    ours = bundle.head.scores(bundle.examples.values, bundle.examples.features).argmax(1)
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_exemplars_are_the_largest_of_all_rows(tmp_path: Path) -> None:
    made = source(tmp_path)
    bundle = fill.bundle(made, max_examples=100, n_heads=5)
    values = made.table.take(torch.arange(len(made.table)))
    for feature, places in bundle.exemplars.items():
        best = values[:, feature].argsort(descending=True)[: len(places)]
        assert bundle.examples.row[places].tolist() == best.tolist()


def test_the_effect_of_removals_is_on_all_test_rows(tmp_path: Path) -> None:
    made = source(tmp_path)
    bundle = fill.bundle(made, max_examples=20)
    assert bundle.removals["n"] == 60
    assert bundle.removals["feature"].tolist() == made.head.used().tolist()


def test_the_sample_is_part_uniform_and_bounded() -> None:
    tops = np.arange(30).reshape(10, 3)
    tops[4, 2] = -1
    sample = draw([tops], torch.arange(100, 200), torch.arange(0), wanted=[7], limit=36)
    assert len(sample.rows) == 36
    assert sample.uniform.sum() == 9
    assert (sample.rows[sample.uniform] >= 100).all()
    # Every feature keeps its strongest row.
    assert set(range(0, 30, 3)) <= set(sample.rows.tolist())
    assert (sample.rows >= 0).all()


def test_an_unreadable_picture_is_left_out() -> None:
    def broken(row: int) -> Image.Image:
        raise OSError(row)

    assert list(fill.Thumbnails(broken, [1, 2], 32)) == [None, None]


def test_an_edited_head_stands_beside_its_origin(tmp_path: Path) -> None:
    made = source(tmp_path)
    origin = fill.bundle(made, max_examples=60)
    used = int(made.head.used()[0])
    edited = replace(made, head=apply_edits(made.head, [Edit(used)]), edited=True, against=origin)
    bundle = fill.bundle(edited, max_examples=60)
    assert (bundle.head.name, bundle.head.point) == ("edited head", None)
    assert used not in bundle.head.used()
    assert used in bundle.examples.features
    assert bundle.heads[bundle.selected - 1].point == origin.head.point
    right = edited.head.predict(made.table.take(made.parts["test"])) == made.table.labels[made.parts["test"]]
    assert bundle.score("test") == float(right.double().mean())
    index = write_report(bundle, tmp_path / "report")
    assert '"comparable":true' in (index.parent / "data" / "manifest.0.js").read_text()


def test_a_head_that_was_solved_again_is_still_the_paths(tmp_path: Path) -> None:
    made = source(tmp_path)
    origin = fill.bundle(made, max_examples=60)
    solved = replace(made, head=made.head.with_weight(made.head.weight * 1.01, made.head.intercept))
    bundle = fill.bundle(solved, max_examples=60)
    assert (bundle.head.name, bundle.head.point, len(bundle.heads)) == ("", origin.head.point, len(origin.heads))
    np.testing.assert_allclose(bundle.head.weight, origin.head.weight * 1.01)
