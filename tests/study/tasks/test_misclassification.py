import numpy as np
import pytest

from clearhead.core.errors import DataError
from clearhead.study.tasks import Exhibits


def gamma(world, truth):
    w, z = world.sparse, world.z[truth["row"]]
    return (w[:, truth["predicted"]] - w[:, truth["label"]]) * z


def test_features_are_those_of_equation_8(world):
    study = world.misclassification()
    assert len(study.tasks) == 20
    for truth in study.key.truths.values():
        scores = gamma(world, truth)
        assert truth["f_p"] == scores.argmax()
        assert truth["f_l"] == scores.argmin()
        logits = world.z[truth["row"]] @ world.sparse
        assert logits.argmax() == truth["predicted"] != world.labels[truth["row"]]


def test_only_flips_keeps_errors_that_one_feature_explains(world):
    study = world.misclassification(only_flips=True)
    for truth in study.key.truths.values():
        z = world.z[truth["row"]].copy()
        z[truth["f_p"]] = 0
        assert (z @ world.sparse).argmax() == truth["label"]


def test_half_are_controls_and_sides_are_balanced(world):
    study = world.misclassification(tasks=200)
    truths = list(study.key.truths.values())
    control = sum(t["arm"] == "control" for t in truths)
    left = sum(t["roles"]["f_l"] == "a" for t in truths)
    assert abs(control - len(truths) / 2) < 3 * np.sqrt(len(truths)) / 2
    assert abs(left - len(truths) / 2) < 3 * np.sqrt(len(truths)) / 2
    for t in truths:
        assert set(t["roles"]) in ({"f_l", "f_p"}, {"f_l", "f_r"})
        if "f_r" in t["features"]:
            assert t["features"]["f_r"] not in (t["f_l"], t["f_p"])


def test_the_pattern_shown_is_the_feature_of_its_role(world):
    study = world.misclassification()
    for task in study.tasks:
        truth = study.key.truths[task.id]
        for role, letter in truth["roles"].items():
            source = study.key.media[task.patterns["ab".index(letter)].media[0]]
            assert source == f"feature/{truth['features'][role]}/0"


def test_neither_class_is_named_on_the_page(world):
    text = str([t.as_dict() for t in world.misclassification().tasks])
    assert not any(f"class {c}" in text for c in range(6))


def test_without_pictures_of_its_features_it_refuses(world):
    with pytest.raises(DataError, match="no misclassified row"):
        world.misclassification(exhibits=Exhibits(image=world.image))
