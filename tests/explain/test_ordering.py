"""The order of entry along a path, panels, and names."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

from clearhead.core.errors import DataError, SettingError
from clearhead.core.scaling import Standardizer
from clearhead.explain.names import names
from clearhead.explain.ordering import OrderingOptions, entry_steps, ordering
from clearhead.explain.panels import PanelsOptions, panel_choice, panels
from clearhead.explain.subject import Subject
from clearhead.explain.superpixels import superpixels
from clearhead.features.table import FeatureTable
from clearhead.glm.solution import RegularizationPath, Solution, Status
from clearhead.head.sparse_head import SparseHead

from .planted import LIKED, image_subject, text_subject
from .test_superpixels import FAST as SUPERPIXELS
from .test_words import FAST as WORDS


def path_of(coefs: list[list[list[float]]], scaler: Standardizer) -> RegularizationPath:
    return RegularizationPath(
        [
            Solution(
                0.5**i,
                torch.tensor(c),
                torch.zeros(len(c[0])),
                0.0,
                0.0,
                0.0,
                Status.Converged,
                1,
                scaler,
                "multinomial",
                1.0,
            )
            for i, c in enumerate(coefs)
        ]
    )


@pytest.fixture
def fitted(tmp_path) -> Subject:
    """Features 0 and 1 are nearly one, 2 is its own; a path in which 2 enters first, then 0 and 1 together."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(200, 2, generator=generator)
    features = torch.cat([base[:, :1], base[:, :1] + 0.1 * base[:, 1:], base[:, 1:]], 1)
    table = FeatureTable.from_arrays(tmp_path / "table", features, (base[:, 0] > 0).long(), kind="features")
    scaler = Standardizer.fit(table)
    steps = [
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        [[0.0, 0.0], [0.0, 0.0], [0.0, -1.0]],
        [[0.1, 0.0], [0.3, 0.0], [0.5, -1.0]],
        [[0.2, 0.4], [0.4, 0.4], [0.0, -1.0]],
    ]
    head = SparseHead(torch.tensor(steps[-1]), torch.zeros(2), scaler, class_names=["no", "yes"])
    dense = head.with_weight(torch.tensor([[0.1, -0.1], [0.2, 0.3], [0.5, -0.9]]))
    return Subject(table, head, dense=dense, path=path_of(steps, scaler))


def test_features_are_listed_in_the_order_in_which_they_enter(fitted):
    assert entry_steps(fitted.path).tolist() == [[2, 3], [2, 3], [2, 1]]
    finding = ordering(fitted)
    rows = finding.tables["entries"].rows()
    assert [(r["class"], r["order"], r["feature"], r["step"], r["sign"]) for r in rows] == [
        ("no", 1, 2, 2, 1),
        ("no", 2, 1, 2, 1),
        ("no", 3, 0, 2, 1),
        ("yes", 1, 2, 1, -1),
        ("yes", 2, 0, 3, 1),
        ("yes", 3, 1, 3, 1),
    ]
    assert rows[3]["lambda"] == 0.5
    assert rows[0]["weight"] == 0.0
    assert finding.tables["paths"].rows()[0]["weights"] == [0.0, 0.0, 0.5, 0.0]


def test_correlated_features_enter_together_and_unrelated_ones_apart(fitted):
    finding = ordering(fitted)
    assert finding.numbers["steps_apart_correlated"].value == 0.0
    assert finding.numbers["steps_apart_unrelated"].value == 1.0
    assert {(r["feature"], r["other"]) for r in finding.tables["grouping"].rows() if r["group"] == "correlated"} == {
        (0, 1)
    }


def test_only_some_features_and_only_the_first(fitted):
    finding = ordering(fitted, [0, 1], options=OrderingOptions(first=1))
    assert [row["feature"] for row in finding.tables["entries"].rows()] == [1, 0]


def test_a_head_with_one_margin_speaks_for_its_second_class(fitted):
    scaler = fitted.head.standardizer
    head = SparseHead(torch.tensor([[1.0], [0.0], [0.0]]), torch.zeros(1), scaler, link="margin")
    path = path_of([[[0.0], [0.0], [0.0]], [[1.0], [0.0], [0.0]]], scaler)
    finding = ordering(dataclasses.replace(fitted, head=head, dense=None, path=path))
    assert [row["class"] for row in finding.tables["entries"].rows()] == [head.class_names[1]]


def test_without_a_path_the_error_says_so(fitted):
    with pytest.raises(SettingError, match="regularisation path"):
        ordering(dataclasses.replace(fitted, path=None))


def test_panels_sample_from_the_top_k_of_both_heads(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    entries = panel_choice(subject, PanelsOptions(features=2))
    for c in (0, 1):
        for name, head in (("sparse", subject.head), ("dense", subject.dense)):
            k = len(subject.head.top_features(c))
            mine = [(e.feature, e.weight) for e in entries if e.class_ == c and e.head == name]
            assert len(mine) == min(2, k)
            assert set(mine) <= set(head.top_features(c, k))
    assert entries == panel_choice(subject, PanelsOptions(features=2))


def test_panels_show_the_pictures_that_exist(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    explained = superpixels(subject, [0, 1], tmp_path, dataclasses.replace(SUPERPIXELS, direction="both"))
    finding = panels(subject, None, tmp_path, findings=[explained])
    assert set(finding.media) == {"class/0", "class/1"}
    shown = {row["feature"] for row in finding.tables["panels"].rows()}
    assert shown == {0, 1, 2}
    assert finding.numbers["with_pictures"] < finding.numbers["features"]
    with Image.open(tmp_path / finding.media["class/1"]) as picture:
        assert picture.convert("L").getextrema()[0] < 100
    limited = panels(subject, [0], tmp_path, findings=[explained])
    assert set(limited.tables["panels"].columns["feature"]) == {0}


def test_text_panels_have_sparse_dense_and_random_features(tmp_path):
    subject = text_subject(tmp_path / "table", 0)
    dense = subject.head.with_weight(torch.tensor([[0.5, -0.5], [0.4, 0.2], [0.1, 0.0]]))
    entries = panel_choice(dataclasses.replace(subject, dense=dense), PanelsOptions(features=1, classes=(1,)))
    assert [(e.head, e.feature) for e in entries][:2] == [("sparse", 0), ("dense", 0)]
    assert entries[2].head == "random"
    assert entries[2].feature in (1, 2)
    with pytest.raises(SettingError, match="dense head"):
        panel_choice(subject)


def test_given_names_stay_and_generated_ones_are_marked_and_asked_for_once(tmp_path):
    from clearhead.explain.words import words

    subject = text_subject(tmp_path / "table", 0)
    named = SparseHead(
        subject.head.weight, subject.head.intercept, subject.head.standardizer, feature_names=["tone", "feature 1", "c"]
    )
    subject = dataclasses.replace(subject, head=named)
    found = words(subject, [0, 1], tmp_path, WORDS)
    asked = []

    def describe(evidence):
        asked.append(evidence)
        return "long sentences "

    finding = names(subject, [0, 1], tmp_path, describe, findings=[found], describer="test 1")
    assert [(r["name"], r["source"]) for r in finding.tables["names"].rows()] == [
        ("tone", "given"),
        ("long sentences", "generated"),
    ]
    assert any("nobody has checked" in note for note in finding.caveats)
    assert len(asked[0].examples) == 8
    assert asked[0].words
    assert LIKED in "".join(subject.examples[i] for i in range(30))
    names(subject, [0, 1], tmp_path, describe, findings=[found], describer="test 1")
    assert len(asked) == 1
    names(subject, [1], tmp_path, describe, findings=[found], describer="test 2")
    assert len(asked) == 2
    assert names(subject, [1], tmp_path).tables["names"].columns["source"] == ["none"]
    with pytest.raises(DataError, match="not a text"):
        names(subject, [1], tmp_path, lambda _: "", describer="silent")
