"""Input that leaves an analysis nothing to say: each case has a message that names what is wrong."""

from __future__ import annotations

import json

import pytest
import torch

from clearhead.core.errors import DataError, InputError
from clearhead.debug import (
    ablation,
    bias_words,
    compare,
    counterfactual_text,
    cue_from_errors,
    edited,
    misclassified,
    spurious,
    suspicion_from_errors,
)
from clearhead.head import read_edits

ROWS = torch.eye(3).repeat(4, 1)
RIGHT = [0, 1, 2] * 4


@pytest.fixture
def separate(plain_head):
    """Every class has one feature of its own."""
    return plain_head(torch.eye(3), class_names=["a", "b", "c"], feature_names=["x", "y", "z"])


def test_no_errors_at_all(separate):
    with pytest.raises(DataError, match="makes no error on these rows"):
        misclassified(separate, ROWS, RIGHT)
    with pytest.raises(DataError, match="makes no error on these rows, so they show no cue"):
        cue_from_errors(separate, ROWS, RIGHT)
    assert suspicion_from_errors(separate, ROWS, RIGHT) is None


def test_one_class_never_predicted(separate):
    rows = ROWS[[0, 1, 0, 1]]
    assert any("Never predicted on these rows: c" in c for c in misclassified(separate, rows, [0, 1, 2, 1]).caveats)
    caveats = ablation({"sparse": separate}, rows, [0, 1, 2, 1], k=1).caveats
    assert any("sparse, all: Never predicted on these rows: c" in c for c in caveats)
    table = compare(separate, separate, rows, [0, 1, 2, 1]).tables["classes"].rows()
    assert next(row["second"] for row in table if row["class"] == "c") == 0.0


def test_a_pair_without_shared_features(separate):
    with pytest.raises(DataError, match=r"shares? a"):
        spurious({"sparse": separate}, ROWS, RIGHT)


def test_words_absent_from_the_vocabulary(plain_head):
    head = plain_head(torch.tensor([[1.0]]), link="margin")

    def encode(texts: list[str]) -> torch.Tensor:
        return torch.ones(len(texts), 1)

    with pytest.raises(DataError, match="no sentence has a word of any feature's cloud"):
        counterfactual_text(
            {"sparse": head}, ["nothing here"], {0: {"positive": ["good"], "negative": ["bad"]}}, encode
        )
    with pytest.raises(DataError, match="has words"):
        bias_words({"sparse": head}, {})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"feature": "w"}, "no feature has this name"),
        ({"feature": 7}, "no feature has this number"),
        ({"feature": "x", "classes": ["d"]}, "no class has this name"),
        ({"feature": "x", "classes": ["a"]}, "no feature speaks for some classes"),
    ],
)
def test_edits_that_name_what_is_missing_or_empty_a_class(separate, tmp_path, edit, message):
    (tmp_path / "edits.json").write_text(json.dumps({"schema": 1, "edits": [edit]}))
    with pytest.raises(InputError, match=message):
        edited(separate, read_edits(tmp_path / "edits.json"))
    assert separate.weight.equal(torch.eye(3).double()), "the head itself is never changed"
