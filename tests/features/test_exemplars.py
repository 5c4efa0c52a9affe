"""Exemplars equal a full sort, whatever the blocks; ties are broken by the seed."""

from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import SettingError
from clearhead.core.rows import as_rows
from clearhead.features.exemplars import interval_rows, top_relevant, top_rows, top_rows_by_class
from clearhead.features.table import FeatureTable


@pytest.fixture
def values() -> torch.Tensor:
    return torch.randn(300, 5, generator=torch.Generator().manual_seed(0)).half().relu() - 0.5


@pytest.fixture
def table(values, tmp_path) -> FeatureTable:
    return FeatureTable.from_arrays(tmp_path, values, torch.arange(300) % 3, shard_rows=64)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("index", [None, list(range(10, 200, 3))])
def test_equals_a_full_sort(table, values, largest, index):
    found = top_rows(table, 7, largest=largest, index=index)
    pool = torch.arange(300) if index is None else torch.tensor(index)
    best = values[pool].float().sort(dim=0, descending=largest).values[:7].T
    assert torch.equal(found.values, best)
    assert torch.equal(values[found.rows, torch.arange(5)[:, None]].float(), best)
    assert set(found.rows.flatten().tolist()) <= set(pool.tolist())
    assert all(len(set(line)) == 7 for line in found.rows.tolist())


def test_blocks_do_not_matter(values):
    class Blocked:
        def __init__(self, size):
            self.rows, self.size = as_rows(values), size
            self.shape, self.dtype = self.rows.shape, self.rows.dtype

        def blocks(self, rows=8192):
            return self.rows.blocks(self.size)

        def take(self, index):
            return self.rows.take(index)

    for largest in (True, False):
        one, other = (top_rows(Blocked(size), 9, largest=largest) for size in (17, 300))
        assert torch.equal(one.rows, other.rows)


def test_ties_are_random_and_seeded():
    rows = as_rows(torch.zeros(1000, 3))
    first = top_rows(rows, 5, seed=1).rows
    assert torch.equal(first, top_rows(rows, 5, seed=1).rows)
    assert not torch.equal(first, top_rows(rows, 5, seed=2).rows)
    assert first.max() > 100


def test_negative_zero_ties_with_zero():
    rows = as_rows(torch.tensor([[0.0], [-0.0]] * 50))
    assert {int(i) % 2 for i in top_rows(rows, 20).rows[0]} == {0, 1}


def test_infinities_and_signs():
    rows = as_rows(torch.tensor([[-1e30], [1e-40], [-1e-40], [3.4e38], [0.0]]))
    assert top_rows(rows, 5).rows.tolist() == [[3, 1, 4, 2, 0]]
    assert top_rows(rows, 5, largest=False).rows.tolist() == [[0, 2, 4, 1, 3]]


def test_fewer_rows_than_asked(values):
    assert top_rows(as_rows(values[:4]), 10).rows.shape == (5, 4)


def test_chosen_features(table):
    assert torch.equal(top_rows(table, 3, features=[4, 1]).values, top_rows(table, 3).values[[4, 1]])


def test_by_class(table):
    found = top_rows_by_class(table, table.labels, 4)
    assert sorted(found) == [0, 1, 2]
    for c, top in found.items():
        assert bool((table.labels[top.rows] == c).all())
        assert torch.equal(top.values, top_rows(table, 4, index=table.labels == c).values)


def test_relevance_is_contribution(table, values):
    weight = torch.tensor([1.0, -2.0, 0.5, -0.1, 3.0])
    found = top_relevant(table, weight, 6)
    best = (values.float() * weight).sort(dim=0, descending=True).values[:6].T
    torch.testing.assert_close(found.values * weight[:, None], best)


def test_intervals_hold_only_their_own(table, values):
    low, high = values.float().min(0).values, values.float().max(0).values
    edges = torch.stack([low + (high - low) * t / 4 for t in range(5)], 1)
    found = interval_rows(table, edges, 5)
    counts = 0
    for b, top in enumerate(found):
        for j in range(5):
            kept = top.values[j][top.rows[j] >= 0]
            counts += len(kept)
            assert bool((kept >= edges[j, b]).all())
            assert bool((kept <= edges[j, b + 1]).all())
            inside = int(((values[:, j].float() >= edges[j, b]) & (values[:, j].float() < edges[j, b + 1])).sum())
            assert len(kept) == min(5, inside + (b == 3 and int((values[:, j].float() == high[j]).sum())))
    assert counts > 50


def test_refusals(values):
    with pytest.raises(SettingError, match="at least one"):
        top_rows(as_rows(values), 0)


def test_float64_is_ranked_in_float64():
    x = torch.tensor([[1.0], [1.0 + 1e-12], [-1.0], [1.0 - 1e-12]], dtype=torch.float64)
    assert top_rows(as_rows(x), 4).rows.tolist() == [[1, 0, 3, 2]]
    assert top_rows(as_rows(x), 1, largest=False).rows.tolist() == [[2]]
