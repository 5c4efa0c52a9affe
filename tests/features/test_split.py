"""Splits: whole, disjoint, stratified, seeded; groups stay together; what cannot work is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.errors import DataError, SettingError
from clearhead.features.split import balanced, split_rows


def parts(split):
    return split.train, split.val, split.test


@given(st.lists(st.integers(3, 60), min_size=2, max_size=6), st.integers(0, 5))
def test_parts_are_disjoint_cover_all_and_keep_shares(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    if round(0.1 * len(y)) == 0:
        return
    split = split_rows(y, seed=seed)
    assert torch.equal(torch.cat(parts(split)).sort().values, torch.arange(len(y)))
    assert len(split.val) == len(split.test) == round(0.1 * len(y))
    for part in (split.val, split.test):
        counts = np.bincount(y[part.numpy()], minlength=len(sizes))
        assert np.all(np.abs(counts - 0.1 * np.array(sizes)) <= 1.5)


def test_seeds():
    y = np.arange(200) % 4
    assert torch.equal(split_rows(y, seed=1).val, split_rows(y, seed=1).val)
    assert not torch.equal(split_rows(y, seed=1).val, split_rows(y, seed=2).val)


def test_a_column_decides_and_what_it_lacks_is_cut():
    y = np.arange(100) % 2
    column = np.array(["train"] * 80 + ["TEST"] * 15 + ["unsup"] * 5)
    split = split_rows(y, column=column)
    assert split.test.tolist() == list(range(80, 95))
    assert len(split.val) == 8
    assert len(split.train) == 72
    assert "15 test" in split.note
    assert "10% for validation cut from the training rows" in split.note
    assert "5 rows of another split left out" in split.note


def test_groups_stay_together():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 600)
    y = (groups + rng.integers(0, 2, 600)) % 3
    split = split_rows(y, groups=groups)
    homes = [set(groups[part].tolist()) for part in parts(split)]
    assert not homes[0] & homes[1]
    assert not homes[0] & homes[2]
    assert not homes[1] & homes[2]
    for part in (split.val, split.test):
        assert 30 <= len(part) <= 90
        assert np.bincount(y[part], minlength=3).min() >= 5


def test_groups_that_a_given_split_tears_apart_are_said():
    split = split_rows([0, 1] * 10, column=["train"] * 14 + ["val"] * 3 + ["test"] * 3, groups=[0] * 20)
    assert "1 groups lie in both training and validation rows" in split.note


def test_many_labels_reach_every_part():
    rng = np.random.default_rng(0)
    y = np.stack([rng.random(1000) < share for share in (0.5, 0.1, 0.03)], 1).astype(int)
    split = split_rows(y)
    for part in parts(split):
        assert y[part].sum(0).min() >= 2


@pytest.mark.parametrize(
    ("labels", "kwargs", "message"),
    [
        ([0, 1, 2], {}, "no rows can be spared"),
        ([0] * 50, {}, "all rows have one class"),
        ([0] * 10 + [1] * 10 + [2], {"column": ["train"] * 10 + ["val"] * 5 + ["test"] * 6}, "no training row"),
        ([0, 1], {"column": ["a", "b"]}, "names no training rows"),
        ([0, 1] * 20, {"groups": [0] * 40}, "fewer groups"),
        ([0, 1] * 20, {"groups": [0] * 3}, "groups do not match"),
        ([0, 1] * 20, {"column": ["train"]}, "split column does not match"),
        (None, {}, "no labels"),
    ],
)
def test_what_cannot_work_is_said(labels, kwargs, message):
    with pytest.raises(DataError, match=message):
        split_rows(labels, **kwargs)


def test_absent_classes_are_named():
    with pytest.raises(DataError, match="'dog'"):
        split_rows([0] * 20 + [1] * 2, column=["train"] * 10 + ["val"] * 10 + ["test"] * 2, class_names=["cat", "dog"])


def test_shares_must_make_sense():
    with pytest.raises(SettingError):
        split_rows([0, 1] * 10, validation=0.6, test=0.5)


def test_balanced_subsample():
    y = np.array([0] * 90 + [1] * 10)
    rows = balanced(y, torch.arange(100))
    assert np.bincount(y[rows]).tolist() == [10, 10]
    assert torch.equal(rows, rows.sort().values)
