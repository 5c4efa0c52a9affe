"""Rows that several threads share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch

from clearhead.glm.kernels.softmax import softmax_pass
from clearhead.glm.kernels.threads import over_rows
from clearhead.glm.kernels.wide_softmax import wide_softmax_pass
from clearhead.glm.products import product, transposed_product


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n", [0, 1, 255, 256, 511, 512, 1000, 5003])
def test_every_row_belongs_to_one_part(n: int) -> None:
    seen: dict[int, tuple[int, int]] = {}
    parts = over_rows(n, lambda part, start, stop: seen.update({part: (start, stop)}))
    assert sorted(seen) == list(range(parts))
    spans = [seen[part] for part in range(parts)]
    assert spans[0][0] == 0
    assert spans[-1][1] == n
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert parts == 1 or all(stop - start >= 256 for start, stop in spans[:-1])


@pytest.mark.parametrize("failing", [0, 1])
def test_what_fails_in_a_part_is_raised(failing: int) -> None:
    def work(part: int, _start: int, _stop: int) -> None:
        if part == failing:
            raise ArithmeticError(f"part {part}")

    with pytest.raises(ArithmeticError, match=f"part {failing}"):
        over_rows(8192, work)


def test_no_rows_sum_to_zero() -> None:
    none, labels = torch.zeros(0, 100), torch.zeros(0, dtype=torch.int64)
    assert product(none, torch.ones(100, 10)).shape == (0, 16)
    assert torch.equal(transposed_product(none, torch.zeros(0, 16), 10), torch.zeros(100, 10).double())
    assert softmax_pass(none[:, :16], torch.zeros(10), labels, none[:, 0], 10, none[:, :16].clone()).loss == 0
    assert wide_softmax_pass(none, torch.zeros(100), labels, none[:, 0], none.clone()).loss == 0
