from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from clearhead.core.errors import DataError
from clearhead.debug import features_per_class, fidelity, tradeoff


def test_accuracy_of_every_head_matches_its_decision(make_path):
    X, y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)
    generator = torch.Generator().manual_seed(0)
    path = make_path([torch.randn(6, 3, generator=generator) for _ in range(4)])
    finding = tradeoff(path, {"test": (X, y)}, dense={"test": np.zeros(200, int)}, selected=2)
    expected = [float((s.decision(torch.tensor(X)).argmax(1).numpy() == y).mean()) for s in path]
    assert finding.tables["path"].columns["test_accuracy"] == pytest.approx(expected)
    assert finding.numbers["test_accuracy"].n == 200
    assert finding.numbers["dense_test_accuracy"].value == pytest.approx((y == 0).mean())
    assert finding.tables["path"].columns["features_per_class"] == [6.0] * 4
    assert f"{expected[2]:.1%}" in finding.sentence


def test_binomial_path_uses_the_sign_of_its_margin(make_path):
    path = make_path([torch.tensor([[1.0]])], loss="binomial")
    finding = tradeoff(path, {"val": (torch.tensor([[1.0], [-1.0], [2.0], [3.0]]), [1, 0, 1, 0])}, selected=0)
    assert finding.numbers["val_accuracy"].value == 0.75
    assert any("optimistic" in c for c in finding.caveats)


def test_intervals_contain_the_value_and_have_its_n(make_path):
    finding = tradeoff(make_path([torch.eye(2)]), {"test": (torch.eye(2).repeat(5, 1), [0, 1] * 5)}, selected=0)
    e = finding.numbers["test_accuracy"]
    assert (e.value, e.n) == (1.0, 10)
    assert 0.6 < e.low < 1.0 == e.high


@pytest.mark.parametrize(
    ("splits", "dense", "match"),
    [
        ({"test": (torch.eye(2), [0])}, {}, "labels do not match rows"),
        ({"test": (torch.eye(2), [[0, 1], [1, 0]])}, {}, "one class a row"),
        ({"test": (torch.eye(2), [0, 1])}, {"val": [0, 1]}, "not a split"),
        ({"test": (torch.eye(2), [0, 1])}, {"test": [0]}, "predictions do not match"),
    ],
)
def test_bad_input_is_named(make_path, splits, dense, match):
    with pytest.raises(DataError, match=match):
        tradeoff(make_path([torch.eye(2)]), splits, dense=dense)


def test_empty_path_is_refused(make_path):
    with pytest.raises(DataError, match="path is empty"):
        tradeoff(make_path([torch.eye(2)])[:0], {})


def test_features_per_class_counts_exact_nonzeros(plain_head):
    head = plain_head(torch.tensor([[1.0, 0.0, 0.0], [1e-30, 2.0, 0.0], [0.0, 0.0, 0.0]]), class_names=["a", "b", "c"])
    finding = features_per_class(head)
    assert finding.tables["classes"].columns["features"] == [2, 1, 0]
    assert finding.numbers["features_used"] == 2
    assert finding.numbers["mean"] == 1.0
    assert "c" in finding.caveats[0]


def test_both_classes_of_one_score_show_its_weights(plain_head):
    finding = features_per_class(plain_head(torch.tensor([[1.0], [0.0], [-1.0]]), link="margin"))
    assert finding.tables["classes"].columns["features"] == [2, 2]


def test_fidelity_counts_agreement_and_who_is_right():
    finding = fidelity({"test": [0, 1, 1, 0]}, {"test": [0, 0, 1, 1]}, {"test": [0, 1, 0, 1]})
    assert finding.numbers["test_fidelity"].value == 0.5
    table = finding.tables["splits"].rows()[0]
    assert (table["only_head_right"], table["only_network_right"], table["disagree"]) == (1, 1, 2)


def test_fidelity_refuses_what_it_cannot_compare():
    with pytest.raises(DataError, match="no rows to compare"):
        fidelity({"test": []}, {"test": []}, {"test": []})
    with pytest.raises(DataError, match="no split"):
        fidelity({}, {}, {})
    with pytest.raises(DataError, match="no network predictions"):
        fidelity({"test": [0]}, {}, {})
