"""The sample stays where it lies: what is read of it, how much at once, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.report.bundle import Bundle
from clearhead.report.pack import groups
from clearhead.report.reference import TOP, Reference
from clearhead.report.shards import LIMIT
from clearhead.report.stored import StoredValues

Make = Callable[..., Bundle]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_blocks_are_those_of_the_standardised_rows(tmp_path: Path, dtype: str) -> None:
    generator = torch.Generator().manual_seed(0)
    table = FeatureTable.from_arrays(tmp_path, torch.randn(50, 9, generator=generator), dtype=dtype)
    rows, features = np.array([7, 3, 40, 3]), np.array([1, 4, 8])
    scaler = Standardizer.fit(table)
    values = StoredValues(table, rows, features, scaler)
    whole = scaler.transform(table.take(torch.as_tensor(rows)).float())[:, features].numpy()
    np.testing.assert_array_equal(np.asarray(values), whole)
    np.testing.assert_array_equal(values[1:3, 0:2], whole[1:3, 0:2])
    assert values.shape == (4, 3) == (len(values), 3)


class Watched:
    """Values that remember the largest block that was read."""

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.most = values, values.shape, 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: Any) -> Any:
        block = self.values[part]
        self.most = max(self.most, block.nbytes)
        return block


def test_never_more_than_a_part_of_a_shard_is_read(make_bundle: Make) -> None:
    bundle = make_bundle(n=6000, p=60, k=6)
    watched = Watched(bundle.examples.values)
    made = replace(bundle, examples=replace(bundle.examples, values=watched))
    ours, theirs = list(groups(made, {})), list(groups(bundle, {}))
    assert 0 < watched.most <= LIMIT // 4 < bundle.examples.values.nbytes
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (_, one), (_, other) in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            np.testing.assert_equal(value, other[key])


def test_what_is_kept_of_a_dense_layer() -> None:
    weight = np.random.default_rng(0).normal(size=(100, 3))
    weight[:90, 2] = 0
    kept = Reference.of(weight, "dense")
    assert kept.per_class.tolist() == [100, 100, 10]
    np.testing.assert_allclose(kept.mass, np.abs(weight).sum(0))
    first = kept.column == 0
    assert sorted(kept.feature[first]) == sorted(np.argsort(-np.abs(weight[:, 0]))[:TOP])
    assert first.sum() == TOP
    assert (kept.column == 2).sum() == 10
    assert kept.used == 100


def test_a_margin_serves_two_classes() -> None:
    kept = Reference.of_margin(np.array([[2.0], [0.0]]))
    assert (kept.weight.tolist(), kept.column.tolist(), kept.used) == ([-2.0, 2.0], [0, 1], 1)


def test_correlations_are_those_of_the_uniform_sample(make_bundle: Make) -> None:
    bundle = make_bundle(n=300, p=12, k=3)
    uniform = np.arange(300) % 3 == 0
    examples = replace(bundle.examples, uniform=uniform)
    data = next(payload for name, payload in groups(replace(bundle, examples=examples), {}) if name == "features")
    expected = np.corrcoef(np.asarray(examples.values)[uniform].T)
    for place, (near, r) in enumerate(zip(data["neighbours"], data["correlation"], strict=True)):
        np.testing.assert_allclose(r, expected[place, near], atol=1e-5)
        others = np.abs(np.delete(expected[place], place))
        assert abs(abs(r[0]) - others.max()) < 1e-5
