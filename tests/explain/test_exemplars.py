"""Exemplars as a finding: exact, by interval, by class, with pictures."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

from clearhead.explain.exemplars import ExemplarsOptions, exemplars
from clearhead.explain.profile import ProfileOptions, correlations, profile

from .planted import LIKED, image_subject, text_subject


@pytest.mark.parametrize("seed", range(10))
def test_top_exemplars_carry_the_planted_patch_and_word(tmp_path, seed):
    subject = image_subject(tmp_path / "images", seed)
    rows = exemplars(subject, [0], tmp_path, ExemplarsOptions(side=0)).tables["exemplars"].rows()
    assert {row["label"] for row in rows if row["group"] == "top"} == {"with"}
    assert {row["label"] for row in rows if row["group"] == "bottom"} == {"without"}
    subject = text_subject(tmp_path / "texts", seed)
    rows = exemplars(subject, [0], tmp_path).tables["exemplars"].rows()
    assert all(LIKED in row["text"] for row in rows if row["group"] == "top")


def test_groups_are_exact(tmp_path):
    subject = dataclasses.replace(image_subject(tmp_path / "table", 0), shown=torch.arange(5, 40))
    z = subject.standardize(subject.table.take(torch.arange(40))).double()
    finding = exemplars(subject, [2, 0], tmp_path)
    rows = finding.tables["exemplars"].rows()
    assert list(dict.fromkeys(row["feature"] for row in rows)) == [2, 0]
    for row in rows:
        assert row["row"] >= 5
        assert row["z"] == pytest.approx(float(z[row["row"], row["feature"]]), abs=1e-4)
        if row["group"] == "interval":
            assert row["low"] - 1e-5 <= row["z"] <= row["high"] + 1e-5
    for j in (2, 0):
        top = [row["row"] for row in rows if row["feature"] == j and row["group"] == "top"]
        assert top == (5 + z[5:, j].argsort(descending=True)[:8]).tolist()
        bottom = [row["row"] for row in rows if row["feature"] == j and row["group"] == "bottom"]
        assert bottom == (5 + z[5:, j].argsort()[:4]).tolist()
    with Image.open(tmp_path / finding.media[f"row/{rows[0]['row']}"]) as picture:
        assert max(picture.size) <= 160


def test_rows_of_a_class_are_ranked_by_what_the_feature_adds_to_it(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    rows = [r for r in exemplars(subject, [1], tmp_path).tables["exemplars"].rows() if r["group"] == "class"]
    assert {row["class"] for row in rows} == {"with", "without"}
    for name, weight in (("with", -0.5), ("without", 0.3)):
        mine = [row for row in rows if row["class"] == name]
        assert all(row["label"] == name for row in mine)
        assert [row["relevance"] for row in mine] == sorted((row["relevance"] for row in mine), reverse=True)
        assert mine[0]["relevance"] == pytest.approx(mine[0]["z"] * weight)


def test_a_feature_that_never_varies_is_named(tmp_path):
    finding = exemplars(image_subject(tmp_path / "table", 0), [3], tmp_path)
    assert len(finding.tables["exemplars"]) == 0
    assert any("feature 3" in note for note in finding.caveats)


def test_profile_counts_every_row_once_and_orders_by_weight(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    finding = profile(subject, [0, 1, 3], options=ProfileOptions(bins=7))
    for row in finding.tables["histogram"].rows():
        assert sum(row["counts"]) == 40
        assert len(row["edges"]) == 8
    classes = [row for row in finding.tables["classes"].rows() if row["feature"] == 1]
    assert [row["class"] for row in classes] == ["with", "without"]
    assert classes[0]["weight"] == classes[0]["dense_weight"] == pytest.approx(-0.5)


def test_correlations_are_numpys(tmp_path):
    import numpy as np

    table = image_subject(tmp_path / "table", 0).table
    values = table.take(torch.arange(40)).double().numpy()[:, :3]
    ours = correlations(table, torch.tensor([0, 1, 2, 3]))
    assert np.allclose(ours[:3, :3], np.corrcoef(values.T), atol=1e-10)
    assert (ours[3] == 0).all()
