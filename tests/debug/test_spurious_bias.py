from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import DataError, SettingError
from clearhead.debug import PairOptions, bias_errors, bias_words, spurious


@pytest.fixture
def sharing(plain_head):
    """Classes a and b share features 0 and 3; c shares feature 1 with b, too weakly to count."""
    weight = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.01, 1.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    return plain_head(weight, class_names=list("abc"))


def test_pairs_share_features_above_five_per_cent(sharing):
    X = torch.arange(24.0).reshape(6, 4)
    finding = spurious({"sparse": sharing}, X, [0, 0, 1, 1, 2, 2], PairOptions(images=1))
    row = finding.tables["pairs"].rows()[0]
    assert len(finding.tables["pairs"]) == 1
    assert (row["class_a"], row["class_b"], row["n_shared"]) == ("a", "b", 2)
    assert (row["rows_a"], row["rows_b"]) == ([1], [3])
    assert row["suspicion"] is None
    lower = spurious({"sparse": sharing}, X, [0, 0, 1, 1, 2, 2], PairOptions(share=0.0))
    assert lower.numbers["sparse_pairs_sharing"] == 2


def test_suspicion_chooses_the_feature_and_the_order(sharing):
    scores = {"sparse": torch.tensor([0.1, 0.0, 0.0, 0.9])}
    finding = spurious({"sparse": sharing}, torch.eye(4), [0, 1, 2, 0], suspicion=scores)
    assert finding.tables["pairs"].rows()[0]["feature"] == "feature 3"
    assert "most suspicious is feature 3" in finding.sentence


def test_nothing_shared_is_said(plain_head):
    with pytest.raises(DataError, match="no two classes share"):
        spurious({"sparse": plain_head(torch.eye(3))}, torch.eye(3), [0, 1, 2])
    with pytest.raises(SettingError, match="share < 1"):
        spurious({"sparse": plain_head(torch.eye(3))}, torch.eye(3), [0, 1, 2], PairOptions(share=1.0))


def test_share_of_group_words_by_hand(plain_head):
    head = plain_head(torch.tensor([[2.0], [-1.0]]), link="margin", class_names=["fine", "toxic"])
    clouds = {
        0: {"positive": ["women", "stupid"], "negative": ["thanks"]},
        1: {"negative": ["gay"], "positive": ["hello"]},
    }
    finding = bias_words({"sparse": head}, clouds)
    rows = {(r["class"], r["direction"]): r for r in finding.tables["words"].rows()}
    # For toxic: the raising words of feature 0 and the lowering words of feature 1.
    assert rows["toxic", "for"]["share"] == pytest.approx(2 / 3)
    assert rows["toxic", "for"]["groups"] == ["gay and lesbian", "women"]
    assert rows["fine", "for"]["share"] == 0
    assert finding.numbers["sparse"].value == pytest.approx(2 / 5)
    own = bias_words({"sparse": head}, {"sparse": clouds}, identity={"insults": ["stupid"]})
    assert own.numbers["sparse"].value == pytest.approx(1 / 5)
    with pytest.raises(DataError, match="has words"):
        bias_words({"sparse": head}, {7: {"positive": ["x"]}})


def test_error_rates_by_mention():
    texts = ["Muslims pray", "a muslim here", "hello", "bye", "kill all muslims", "die"]
    labels = [0, 0, 0, 0, 1, 1]
    finding = bias_errors(texts, labels, {"sparse": [1, 0, 0, 0, 1, 0]}, min_rows=1)
    rates = {(r["group"], r["rate"]): r for r in finding.tables["rates"].rows()}
    assert rates["muslim", "false positive"]["value"] == 0.5
    assert rates["no group", "false positive"]["value"] == 0.0
    assert rates["no group", "false negative"]["value"] == 1.0
    assert finding.numbers["n_mentioning"] == 3
    with pytest.raises(DataError, match="no comment mentions"):
        bias_errors(["hello"], [0], {"sparse": [0]})
    with pytest.raises(DataError, match="do not match texts"):
        bias_errors(["hello"], [0, 1], {"sparse": [0]})
