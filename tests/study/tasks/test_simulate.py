import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.errors import DataError, SettingError
from clearhead.study.tasks import Arm, Exhibits, SimulateOptions, build_simulate
from clearhead.study.tasks.arm import importances, significant
from clearhead.study.tasks.percentiles import draw_bands, rank_percentiles


def test_counts_and_shape_follow_the_paper(world):
    study = world.simulate(importances="numbers")
    assert len(study.tasks) == 4 * 2 * 3
    assert {(t["arm"]) for t in study.key.truths.values()} == {"dense", "sparse"}
    for task in study.tasks:
        assert 1 <= len(task.patterns) <= 5
        assert sum(p.importance for p in task.patterns) == 100
        assert len(task.candidates) == 3


def test_truth_is_the_image_with_the_highest_probability(world):
    study = world.simulate()
    targets = {arm.name: arm for arm in world.arms()}
    for task in study.tasks:
        truth = study.key.truths[task.id]
        probability = targets[truth["arm"]].target(truth["class"])[truth["rows"]]
        assert np.argmax(probability) == "abc".index(truth["correct"])
        assert truth["from_target"] == (world.labels[truth["rows"]["abc".index(truth["correct"])]] == truth["class"])
        assert [study.key.media[c.media[0]] for c in task.candidates] == [f"row/{i}" for i in truth["rows"]]


def test_features_are_significant_and_speak_for_the_class(world):
    study = world.simulate()
    for truth in study.key.truths.values():
        column = getattr(world, truth["arm"])[:, truth["class"]]
        assert np.all(column[truth["features"]] > 0.05 * column.max())


def test_the_task_file_does_not_tell_the_arm(world):
    study = world.simulate()
    counts = {}
    for task in study.tasks:
        text = str(task.as_dict())
        assert not any(word in text for word in ("dense", "sparse", "row/", "feature/", "class"))
        truth = study.key.truths[task.id]
        counts.setdefault(truth["class"], set()).add(len(task.patterns))
    assert all(len(numbers) == 1 for numbers in counts.values())


def one_heavy(world):
    """The dense arm beside one whose features weigh alike: shares tell them apart at a glance."""
    even = np.where(world.dense > 0.3, 1.0, 0.0)
    heavy = np.where(world.dense == world.dense.max(axis=0), 9.0, even)
    arms = [Arm(name, w, world.probabilities(w)) for name, w in (("dense", even), ("sparse", heavy))]

    def build(**options):
        options = SimulateOptions(classes=4, repeats=10, features=2, **options)
        return build_simulate(arms, world.labels, world.texts, [""] * 6, options)

    return build


def test_importances_that_would_tell_the_arm_are_shown_as_ranks(world):
    build = one_heavy(world)
    study = build()
    decision = next(d for d in study.decisions if d.name == "importances")
    assert decision.count > 0.6
    assert "shown as ranks" in decision.rule
    shown = {"dense": set(), "sparse": set()}
    for task in study.tasks:
        shown[study.key.truths[task.id]["arm"]].add(tuple((x.importance, x.label) for x in task.patterns))
    both = {((None, "Importance: 1 of 2"), (None, "Importance: 2 of 2"))}
    assert shown == {"dense": both, "sparse": both}
    numbers = build(importances="numbers")
    assert all(sum(x.importance for x in task.patterns) == 100 for task in numbers.tasks)
    assert [t.candidates for t in numbers.tasks] == [t.candidates for t in study.tasks]


def test_importances_that_tell_nothing_stay_numbers(world):
    arms = [Arm(name, world.sparse, world.probabilities(world.sparse)) for name in ("dense", "sparse")]
    options = SimulateOptions(classes=6, repeats=20)
    study = build_simulate(arms, world.labels, world.texts, [""] * 6, options)
    decision = next(d for d in study.decisions if d.name == "importances")
    assert decision.count <= 0.6
    assert "whole numbers that sum to 100, heaviest" in decision.rule
    assert all(x.importance for task in study.tasks for x in task.patterns)


def test_unknown_importances_are_refused():
    with pytest.raises(SettingError, match="no such importances"):
        SimulateOptions(importances="colours")


def test_same_seed_same_study_other_seed_another(world):
    assert world.simulate(seed=3) == world.simulate(seed=3)
    assert world.simulate(seed=3) != world.simulate(seed=4)


def test_the_right_answer_is_in_every_position(world):
    study = world.simulate(repeats=20)
    places = [truth["correct"] for truth in study.key.truths.values()]
    assert min(places.count(x) for x in "abc") > len(places) / 6


def test_empty_band_takes_the_nearest_image_and_is_counted(world):
    study = world.simulate()
    bands = next(d for d in study.decisions if d.name == "bands")
    assert bands.count == len(study.tasks)  # 600 rows: none above 99.99
    assert bands.of == 3 * len(study.tasks)


def test_without_anything_to_show_it_refuses(world):
    with pytest.raises(DataError, match="no class has a feature"):
        world.simulate(exhibits=Exhibits(image=world.image))


def test_a_class_without_features_in_one_arm_is_passed_over(world):
    sparse = world.sparse.copy()
    sparse[:, 0] = 0
    arms = [world.arms()[0], Arm("sparse", sparse, world.probabilities(sparse))]
    study = build_simulate(arms, world.labels, world.exhibits, [""] * 6, SimulateOptions(repeats=1))
    assert 0 not in {t["class"] for t in study.key.truths.values()}
    assert next(d for d in study.decisions if d.name == "classes").count == 5


def test_probabilities_may_be_a_function(world):
    table = world.probabilities(world.dense)
    lazy = [Arm("dense", world.dense, lambda c: table[:, c])]
    ready = [Arm("dense", world.dense, table)]
    options = SimulateOptions(classes=2, repeats=2)
    names = [""] * 6
    assert build_simulate(lazy, world.labels, world.exhibits, names, options) == build_simulate(
        ready, world.labels, world.exhibits, names, options
    )


def test_text_studies_show_words_and_sentences(world):
    task = world.simulate(exhibits=world.texts).tasks[0]
    assert task.patterns[0].words
    assert task.candidates[0].texts
    assert not task.candidates[0].media


@given(st.lists(st.floats(0.05, 1), min_size=1, max_size=5))
def test_importances_are_whole_and_sum_to_100(weights):
    shares = importances(np.array(weights))
    assert sum(shares) == 100
    assert all(s >= 0 for s in shares)
    order = np.argsort(weights)
    assert all(shares[a] <= shares[b] + 1 for a, b in itertools.pairwise(order))


def test_significant_is_over_five_percent_of_the_maximum():
    weights = np.array([[1.0, 0.0], [0.05, 0.0], [0.051, 0.0], [-2.0, 0.0]])
    assert significant(weights)[:, 0].tolist() == [True, False, True, False]
    assert significant(weights, sign="absolute")[:, 0].tolist() == [True, False, False, True]
    assert not significant(weights)[:, 1].any()


def test_bands_hold_their_percentiles_when_there_are_rows_enough():
    rng = np.random.default_rng(0)
    values = rng.random(50_000)
    for _ in range(20):
        low, middle, top = draw_bands(values, ((90, 95), (98, 99), (99.99, 100)), rng)
        assert 90 < low.percentile < 95
        assert 98 < middle.percentile < 99
        assert top.percentile > 99.99
        assert values[low.row] < values[middle.row] < values[top.row]
        assert [low.widened, middle.widened, top.widened] == [False] * 3


@given(st.integers(3, 40), st.integers(0, 5))
def test_bands_draw_distinct_rows_however_few_there_are(n, seed):
    rng = np.random.default_rng(seed)
    drawn = draw_bands(rng.integers(3, size=n).astype(float), ((90, 95), (98, 99), (99.99, 100)), rng)
    assert len({x.row for x in drawn}) == 3


def test_percentiles_are_a_permutation_even_with_ties():
    percentile = rank_percentiles(np.zeros(10), np.random.default_rng(0))
    assert sorted(percentile) == pytest.approx(np.arange(5, 100, 10))
