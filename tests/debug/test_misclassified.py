from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.errors import DataError, SettingError
from clearhead.debug import MisclassifiedOptions, misclassified
from clearhead.debug.flips import smallest_flip


def test_eq_8_by_hand(plain_head):
    # Row 0 is class 0 but feature 1 pulls it to class 1.
    head = plain_head(
        torch.tensor([[1.0, 0.0], [0.0, 2.0]]), class_names=["cat", "dog"], feature_names=["ear", "grass"]
    )
    finding = misclassified(head, torch.tensor([[1.0, 1.0], [1.0, 0.0]]), [0, 0])
    row = finding.tables["rows"].rows()[0]
    assert (row["top_feature"], row["top_gamma"]) == ("grass", 2.0)
    assert (row["lowest_feature"], row["lowest_gamma"]) == ("ear", -1.0)
    assert (row["without_top"], row["flip_size"], row["flip_at_least"]) == ("cat", 1, 1)
    assert finding.numbers["flips_to_truth"].value == 1.0
    assert finding.numbers["error_rate"].value == 0.5
    assert finding.tables["pairs"].rows()[0] == {
        "truth": "cat",
        "predicted": "dog",
        "errors": 1,
        "feature": "grass",
        "errors_with_feature": 1,
    }


def test_gamma_sums_to_the_gap_between_the_logits(plain_head):
    generator = torch.Generator().manual_seed(0)
    head = plain_head(torch.randn(6, 1, generator=generator), link="margin")
    X = torch.randn(50, 6, generator=generator)
    y = 1 - head.predict(X)
    finding = misclassified(head, X, y)
    logits = head(X.double())
    for i, row in enumerate(finding.tables["rows"].rows()):
        p, t = (head.class_names.index(row[key]) for key in ("predicted", "truth"))
        gap = float(logits[i, p] - logits[i, t])
        # Two classes: proven smallest, or impossible (more than all six would be needed).
        assert row["flip_at_least"] == (7 if row["flip_size"] is None else row["flip_size"])
        assert gap >= 0
        assert row["top_gamma"] >= gap / 6  # without an intercept the six γ sum to the gap


def test_off_at_raw_zero_differs_from_off_at_the_mean(plain_head):
    from clearhead.core.scaling import Standardizer
    from clearhead.head import SparseHead

    scaler = Standardizer(torch.tensor([2.0, 0.0]).double(), torch.ones(2).double())
    head = SparseHead(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.zeros(2), scaler)
    X = torch.tensor([[3.0, 0.0]])  # z = (1, 0): predicted 1
    mean = misclassified(head, X, [0]).tables["rows"].rows()[0]
    zero = misclassified(head, X, [0], MisclassifiedOptions(off="zero")).tables["rows"].rows()[0]
    assert (mean["top_gamma"], zero["top_gamma"]) == (1.0, 3.0)
    with pytest.raises(SettingError, match="mean or at zero"):
        misclassified(head, X, [0], MisclassifiedOptions(off="median"))


def test_no_error_and_wrong_lengths_are_said(plain_head):
    head = plain_head(torch.eye(2))
    with pytest.raises(DataError, match="no error on these rows"):
        misclassified(head, torch.eye(2), [0, 1])
    with pytest.raises(DataError, match="do not match rows"):
        misclassified(head, torch.eye(2), [0])


def test_many_wrong_rows_are_sampled_and_said_so(plain_head):
    head = plain_head(torch.eye(2))
    finding = misclassified(head, torch.eye(2).repeat(50, 1), [1, 0] * 50, MisclassifiedOptions(max_rows=10))
    assert finding.numbers["flips_to_truth"].n == 10
    assert any("10 of the 100 wrong rows" in c for c in finding.caveats)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 6))
def test_flip_sets_flip_and_the_bound_holds(seed, k, p):
    generator = torch.Generator().manual_seed(seed)
    logits, gains_to = torch.randn(k, generator=generator).double(), torch.randn(p, k, generator=generator).double()
    truth = int(logits.argmin())
    gap, gains = logits - logits[truth], gains_to - gains_to[:, [truth]]
    found, bound = smallest_flip(logits.numpy(), torch.ones(p).double().numpy(), gains_to.numpy(), truth)
    wins = [
        set(s)
        for size in range(p + 1)
        for s in itertools.combinations(range(p), size)
        if int((gap - gains[list(s)].sum(0)).argmax()) == truth
    ]
    if wins:
        assert bound <= len(wins[0])
    if found is not None:
        assert set(found) in wins
        if k == 2:
            assert len(found) == len(wins[0]) == bound
    elif k == 2:
        assert not wins
