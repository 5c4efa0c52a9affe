from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from clearhead.core.errors import DataError
from clearhead.debug.intervals import correlation, mcnemar, mean_interval, paired_change, permutation_p, proportion


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 10), (997, 1200)])
def test_wilson_matches_scipy(k, n):
    ours, theirs = proportion(k, n), binomtest(k, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_no_observations_say_nothing():
    e = proportion(0, 0)
    assert math.isnan(e.value)
    assert (e.low, e.high, e.n) == (0.0, 1.0, 0)


def test_paired_bootstrap_covers_a_known_change():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        before = rng.random(200) < 0.6
        after = np.where(rng.random(200) < 0.2, True, before)  # the expected change is 0.2 · 0.4
        e = paired_change(before, after, seed=seed, draws=400)
        covered += e.low <= 0.08 <= e.high
    assert covered >= 88  # 95 expected; 88 is below the 1 % quantile of that count


def test_bootstrap_by_counts_and_by_rows_agree():
    x = np.repeat([0.0, 1.0], [70, 130])
    few = mean_interval(x, draws=4000)
    many = mean_interval(x + np.linspace(0, 1e-9, 200), draws=4000)
    assert (few.low, few.high) == pytest.approx((many.low, many.high), abs=0.01)


def test_mcnemar_is_the_sign_test_on_discordant_rows():
    before, after = [1, 1, 0, 0, 0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1, 0, 1]
    assert mcnemar(before, after) == pytest.approx(binomtest(5, 6).pvalue)
    assert mcnemar([1, 0], [1, 0]) == 1.0


def test_small_pieces():
    with pytest.raises(DataError, match="same rows"):
        paired_change([0, 1], [0])
    assert math.isnan(correlation([1, 1, 1], [1, 2, 3]))
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert permutation_p(2.0, [0.1, -3.0, 1.0]) == 0.5
    assert math.isnan(mean_interval([]).value)
