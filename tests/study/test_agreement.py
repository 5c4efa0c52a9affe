import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.study.agreement import dawid_skene, krippendorff_alpha
from clearhead.study.ballots import Ballots


def random_ballots(seed, n_tasks=12, people=5, options=3, missing=0.3):
    rng = np.random.default_rng(seed)
    table = rng.integers(options, size=(people, n_tasks)).astype(float)
    table[rng.random(table.shape) < missing] = np.nan
    annotator, task = np.nonzero(~np.isnan(table))
    option = table[annotator, task].astype(int)
    zeros = np.zeros(len(task))
    return table, Ballots(task, annotator, option, zeros, zeros.astype(bool), n_tasks, people, options)


@given(st.integers(0, 200))
def test_alpha_is_krippendorffs(seed):
    import krippendorff

    table, ballots = random_ballots(seed)
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert krippendorff_alpha(ballots) == pytest.approx(expected, abs=1e-9)


def test_alpha_of_nothing_is_not_a_number():
    _, ballots = random_ballots(0, missing=1.0)
    assert np.isnan(krippendorff_alpha(ballots))


def test_dawid_skene_listens_to_reliable_people():
    rng = np.random.default_rng(5)
    n, people = 400, 9
    truth = rng.integers(3, size=n)
    skill = np.array([0.95, 0.95, 0.9, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    task, person = np.repeat(np.arange(n), people), np.tile(np.arange(people), n)
    knows = rng.random(len(task)) < skill[person]
    option = np.where(knows, truth[task], rng.integers(3, size=len(task)))
    ballots = Ballots(task, person, option, np.ones(len(task)), np.zeros(len(task), bool), n, people, 3)
    heads = ballots.tally(np.ones(len(task))).argmax(1)
    found = dawid_skene(ballots)
    assert (found.posterior.argmax(1) == truth).mean() > 0.95 > (heads == truth).mean()
    diagonal = np.einsum("aii->ai", found.confusion).mean(1)
    assert diagonal[:3].min() > 0.9 > 0.5 > diagonal[3:].max()
    assert found.confusion.sum(2) == pytest.approx(1)
