import numpy as np
import pytest

from clearhead.core.errors import SettingError
from clearhead.study.annotators import MANNERS, Crew, assign
from clearhead.study.rehearse import Plan, Rehearsal, plan_of, rehearse

SMALL = Plan(arm=np.repeat([0, 1], 120), cluster=np.tile(np.repeat(np.arange(30), 4), 2))


def test_nobody_is_asked_twice_and_loads_are_even():
    task, person = assign(200, Crew(size=23), np.random.default_rng(0))
    assert len(set(zip(task.tolist(), person.tolist(), strict=True))) == 1000
    assert np.bincount(task).tolist() == [5] * 200
    loads = np.bincount(person, minlength=23)
    assert loads.max() - loads.min() <= 12


def test_planted_accuracy_is_recovered_and_the_cost_is_plain():
    finding = rehearse(SMALL, options=Rehearsal(studies=60, monte_carlo=100))
    for row in finding.tables["arms"].rows():
        assert row["mean_recovered"] == pytest.approx(row["planted"], abs=0.03)
        assert row["coverage"] >= 0.85
    assert finding.numbers["planted_sparse"].value > finding.numbers["planted_dense"].value
    assert finding.numbers["cost"] == round(240 * 5 * 0.04 * 1.33, 2)
    assert finding.numbers["power"].value > 0.8


def test_no_planted_difference_means_no_power_beyond_the_level():
    finding = rehearse(SMALL, crew=Crew(skill=(0.2, 0.2)), options=Rehearsal(studies=80, monte_carlo=50))
    assert finding.numbers["power"].value < 0.15


@pytest.mark.parametrize("manner", [m for m in MANNERS if m != "blank"])
def test_crews_of_one_kind(manner):
    finding = rehearse(SMALL, crew=Crew(mix={manner: 1.0}), options=Rehearsal(studies=3, monte_carlo=30))
    planted = finding.numbers["planted_sparse"].value
    if manner in ("random", "lazy"):
        assert planted == pytest.approx(1 / 3, abs=0.05)
    else:
        assert planted > 0.4


def test_an_all_blank_crew_is_said():
    with pytest.raises(SettingError, match="nobody"):
        rehearse(SMALL, crew=Crew(mix={"blank": 1.0}), options=Rehearsal(studies=3, monte_carlo=30))


@pytest.mark.parametrize("kind", ["simulate", "spurious", "misclassification"])
def test_any_built_study_can_be_rehearsed(world, kind):
    finding = rehearse(plan_of(world.build(kind)), options=Rehearsal(studies=3, monte_carlo=20))
    assert finding.kind == "study_rehearsal"
    assert len(finding.tables["arms"]) == 2


def test_a_crew_must_make_sense():
    with pytest.raises(SettingError, match="sum to 1"):
        Crew(mix={"good": 0.5})
    with pytest.raises(SettingError, match="fewer annotators"):
        Crew(size=3)
    with pytest.raises(SettingError, match="one skill"):
        rehearse(SMALL, crew=Crew(skill=(0.5,)))


@pytest.mark.slow
def test_intervals_cover_the_planted_figure_over_a_thousand_studies():
    finding = rehearse(options=Rehearsal(studies=1000, monte_carlo=1500))
    for row in finding.tables["arms"].rows():
        assert 0.93 <= row["coverage"] <= 0.97
