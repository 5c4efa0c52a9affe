from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import DataError, SettingError
from clearhead.debug import ablation, label_head
from clearhead.debug.ablation import strongest


def test_strongest_takes_k_of_each_column_and_never_a_zero():
    weight = torch.tensor([[3.0, 0.0], [-4.0, 1.0], [2.0, 0.0]])
    assert strongest(weight, 2).tolist() == [[True, False], [True, True], [False, False]]


def test_all_top_k_and_rest_by_hand(plain_head):
    # Class 0 lives on feature 0, class 1 on the weaker features 1 and 2 together.
    head = plain_head(torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    X = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.5, 0.0, 3.5], [0.0, 0.0, 1.0]])
    y = [0, 1, 1, 1]
    finding = ablation({"sparse": head}, X, y, k=1)
    assert finding.numbers["sparse_all"].value == 1.0
    assert finding.title == "What the strongest feature of each class carries"
    assert "with the strongest feature of each class alone and on" in finding.sentence
    # Top 1 keeps features 0 and 1 (the first of the tie): rows 2 and 3 lose their evidence.
    assert finding.numbers["sparse_top_k"].value == 0.5
    # The rest is feature 2 alone: row 0 has no evidence, and a tie goes to class 0, its own.
    assert finding.numbers["sparse_rest"].value == 1.0
    assert [r["weights"] for r in finding.tables["ablation"].rows()] == [3, 2, 1]


def test_top_k_and_rest_of_a_head_with_one_score(plain_head):
    head = plain_head(torch.tensor([[2.0], [-1.0]]), link="margin")
    finding = ablation({"sparse": head}, torch.tensor([[1.0, 5.0], [1.0, 0.0]]), [1, 1], k=1)
    assert finding.numbers["sparse_all"].value == 0.5
    assert finding.numbers["sparse_top_k"].value == 1.0


def test_bad_input(plain_head):
    head = plain_head(torch.eye(2))
    with pytest.raises(SettingError, match="at least 1"):
        ablation({"a": head}, torch.eye(2), [0, 1], k=0)
    with pytest.raises(DataError, match="do not match"):
        ablation({"a": head}, torch.eye(2), [0])


def test_one_label_of_many_is_a_head_of_its_own(plain_head):
    head = plain_head(torch.tensor([[1.0, -2.0]]), link="multilabel", class_names=["toxic", "threat"])
    one = label_head(head, "threat")
    X = torch.tensor([[1.0], [-1.0]])
    assert one.class_names == ("not threat", "threat")
    assert one.predict(X).tolist() == head.predict(X)[:, 1].tolist() == [0, 1]
    with pytest.raises(DataError, match="not one of many labels"):
        label_head(plain_head(torch.eye(2)), 0)
