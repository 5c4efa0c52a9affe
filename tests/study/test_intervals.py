import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.study.intervals import (
    Sample,
    annotator_variance,
    cluster_interval,
    difference_interval,
    label_test,
    sign_flip_test,
    wilson,
)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_is_statsmodels_wilson(n, share):
    from statsmodels.stats.proportion import proportion_confint

    k = round(share * n)
    low, high = proportion_confint(k, n, method="wilson")
    found = wilson(k, n)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)


def test_wilson_without_tasks_says_nothing():
    found = wilson(0, 0)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)


def test_cluster_interval_covers_where_wilson_does_not():
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(40), 10)
    hits = {"cluster": 0, "wilson": 0}
    for _ in range(400):
        p = rng.beta(1.5, 1.5, size=40)
        outcome = (rng.random(400) < p[clusters]).astype(float)
        a = cluster_interval(Sample(outcome, clusters), rng)
        b = wilson(outcome.sum(), 400)
        hits["cluster"] += a.low <= 0.5 <= a.high
        hits["wilson"] += b.low <= 0.5 <= b.high
    assert 0.92 <= hits["cluster"] / 400 <= 0.98
    assert hits["wilson"] / 400 < 0.85


def test_annotators_that_move_together_add_variance():
    rng = np.random.default_rng(1)
    people = np.tile(np.arange(30), 40)
    alone = rng.normal(size=1200)
    together = alone + rng.normal(size=30)[people]
    assert annotator_variance(together / 1200, people) > 5 * annotator_variance(alone / 1200, people)
    assert annotator_variance(together / 1200, people) == pytest.approx(1 / 30, rel=0.6)
    assert annotator_variance(np.array([]), np.array([])) == 0
    assert annotator_variance(alone, np.zeros(1200, int)) == 0


def test_annotator_variance_widens_the_interval():
    rng = np.random.default_rng(2)
    outcome, clusters = (rng.random(200) < 0.5).astype(float), np.repeat(np.arange(20), 10)
    plain = cluster_interval(Sample(outcome, clusters), np.random.default_rng(0))
    wide = cluster_interval(Sample(outcome, clusters, 0.01), np.random.default_rng(0))
    assert wide.high - wide.low > 1.5 * (plain.high - plain.low)


def test_one_cluster_has_no_interval():
    found = cluster_interval(Sample(np.ones(5), np.zeros(5, int)), np.random.default_rng(0))
    assert np.isnan(found.low)
    assert "no interval" in found.method


def test_paired_difference_is_narrower_than_unpaired_classes_would_be():
    rng = np.random.default_rng(3)
    hard = rng.beta(1, 1, size=60)
    clusters = np.repeat(np.arange(60), 10)
    first = Sample((rng.random(600) < hard[clusters]).astype(float), clusters)
    second = Sample((rng.random(600) < hard[clusters]).astype(float), clusters)
    other = Sample(second.outcome, clusters + 100)
    paired = difference_interval(first, second, 0.0, np.random.default_rng(0))
    apart = difference_interval(first, other, 0.0, np.random.default_rng(0))
    assert paired.value == apart.value
    assert paired.high - paired.low < 0.8 * (apart.high - apart.low)


def test_sign_flips_match_the_exact_test_and_hold_their_level():
    rng = np.random.default_rng(4)
    differences = np.array([0.3, 0.1, 0.2, 0.4, 0.1])
    assert sign_flip_test(differences, rng) == pytest.approx(2 / 32, abs=0.01)
    p = [sign_flip_test(rng.normal(size=15), rng, draws=400) for _ in range(400)]
    assert np.mean(np.array(p) < 0.05) < 0.09


def test_permuted_labels_match_the_exact_test():
    rng = np.random.default_rng(6)
    assert label_test(np.array([1.0, 1, 1, 1]), np.zeros(4), rng) == pytest.approx(2 / 70, abs=0.006)
    assert label_test(np.array([]), np.zeros(4), rng) is None
    p = [label_test(rng.normal(size=8), rng.normal(size=9), rng, draws=300) for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.09
