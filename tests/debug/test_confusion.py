from __future__ import annotations

import numpy as np
import pytest
import torch

from clearhead.core.errors import DataError
from clearhead.debug import confusion, shared_features


@pytest.fixture
def confused(plain_head):
    """Six classes; 0 and 1 share two features and are mixed up, 2 and 3 share one and are mixed up less."""
    W = torch.eye(6).repeat(2, 1)
    W[0, 1] = W[1, 0] = W[6, 1] = 0.5
    W[2, 3] = 0.5
    head = plain_head(W, class_names=list("abcdef"))
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 50)
    shown = y.copy()
    shown[:20] = 1
    shown[100:110] = 3
    X = torch.tensor(np.eye(6)[shown].repeat(2, axis=0).reshape(300, 2, 6).transpose(0, 2, 1)[:, :, 0])
    return head, torch.cat([X, X], 1) * 2 + 0.01 * torch.tensor(rng.random((300, 12))), y


def test_counts_and_correlation(confused):
    head, X, y = confused
    finding = confusion(head, X, y, permutations=200)
    first = finding.tables["pairs"].rows()[0]
    assert (first["class_a"], first["class_b"], first["a_as_b"], first["shared"]) == ("a", "b", 20, 3)
    assert first["confusion"] == pytest.approx(0.4)
    r = finding.numbers["correlation_shared"]
    assert r.value > 0.8
    assert r.n == 15
    assert r.low <= r.value <= r.high
    assert 0 < finding.numbers["p_shared"] <= 0.2
    assert finding.numbers["p_shared_pearson"] < finding.numbers["p_shared"], "fifteen pairs of six classes"
    assert first["low"] <= first["confusion"] <= first["high"]
    listed = finding.tables["features"].rows()
    assert {row["class_a"] for row in listed} == {"a", "c"}


def test_no_confusion_at_all_is_undefined_not_zero(plain_head):
    finding = confusion(plain_head(torch.eye(3)), torch.eye(3).repeat(5, 1), [0, 1, 2] * 5)
    assert finding.numbers["p_shared"] is finding.numbers["p_shared_pearson"] is None
    assert "cannot be correlated" in finding.sentence


def test_a_class_never_predicted_and_one_without_rows_are_named(plain_head):
    head = plain_head(torch.eye(4), class_names=list("abcd"))
    finding = confusion(head, torch.eye(4)[[0, 1, 0, 1]], [0, 1, 2, 1])
    text = " ".join(finding.caveats)
    assert "1 of 4 classes have no rows" in text
    assert "Never predicted on these rows: c" in text


def test_two_classes_and_pairs_without_shared_features_are_refused(plain_head):
    head = plain_head(torch.eye(3), class_names=["x", "y", "z"])
    with pytest.raises(DataError, match="at least three classes"):
        confusion(head, torch.eye(3)[:2], [0, 1])
    with pytest.raises(DataError, match="x and y share no feature"):
        shared_features(head, "x", "y")
