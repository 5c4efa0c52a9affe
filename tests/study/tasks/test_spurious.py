import numpy as np
import pytest

from clearhead.core.errors import DataError
from clearhead.study.tasks import Arm, SpuriousOptions, build_spurious, top_rows_of_class
from clearhead.study.tasks.arm import significant


def test_pairs_share_a_significant_feature_and_show_its_top_rows(world):
    study = world.spurious()
    assert len(study.tasks) == 10
    for task in study.tasks:
        truth = study.key.truths[task.id]
        mask = significant(getattr(world, truth["arm"]))
        assert mask[truth["feature"], truth["classes"]].all()
        for c, rows, group in zip(truth["classes"], truth["rows"], task.candidates, strict=True):
            assert (world.labels[rows] == c).all()
            members = np.flatnonzero(world.labels == c)
            best = members[np.argsort(-world.z[members, truth["feature"]])][:3]
            assert rows == best.tolist()
            assert group.label == f"class {c}"
            assert len(group.media) == 3


def test_pairs_are_not_repeated_within_an_arm(world):
    study = world.spurious(pairs=100)
    pairs = [(t["arm"], *sorted(t["classes"])) for t in study.key.truths.values()]
    assert len(pairs) == len(set(pairs))
    asked = next(d for d in study.decisions if d.name == "pairs")
    assert asked.of == 200
    assert asked.count == len(study.tasks) <= 2 * 15


def test_a_class_with_few_rows_shows_those_it_has(world):
    labels = np.where(world.labels == 5, 4, world.labels)
    labels[0] = 5
    study = build_spurious(
        world.arms(), top_rows_of_class(world.z, labels), world.exhibits, [str(c) for c in range(6)], SpuriousOptions()
    )
    sizes = {len(t["rows"][t["classes"].index(5)]) for t in study.key.truths.values() if 5 in t["classes"]}
    assert sizes == {1}


def test_no_shared_feature_is_refused(world):
    with pytest.raises(DataError, match="no two classes share"):
        build_spurious([Arm("sparse", np.eye(6))], lambda j, c: [0], world.exhibits, [""] * 6)


def test_more_features_of_a_pair_can_be_asked_about(world):
    study = world.spurious(pairs=2, per_pair=3)
    pairs = {}
    for truth in study.key.truths.values():
        pairs.setdefault((truth["arm"], *sorted(truth["classes"])), []).append(truth["feature"])
    assert len(pairs) == 4
    assert all(1 <= len(set(features)) == len(features) <= 3 for features in pairs.values())
    assert max(map(len, pairs.values())) > 1
