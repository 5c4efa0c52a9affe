from dataclasses import replace

import numpy as np
import pytest
import torch

from clearhead.core.errors import DataError, SettingError
from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.head import SparseHead
from clearhead.study.settings import BuildSettings
from clearhead.study.tasks import (
    Exhibits,
    MisclassificationOptions,
    SimulateOptions,
    SpuriousOptions,
)
from clearhead.study.tasks.heads import options_for, study_from_heads, with_exemplars

from ..conftest import NAMES, N

ROWS = np.arange(100, N)


@pytest.fixture
def table(world, tmp_path):
    return FeatureTable.from_arrays(
        tmp_path / "t", world.z.astype(np.float32), world.labels, class_names=NAMES, kind="image"
    )


@pytest.fixture
def heads(world, table):
    scaler = Standardizer.fit(table)
    names = {"class_names": NAMES}
    return {
        name: SparseHead.from_dense(
            torch.tensor(getattr(world, name).T, dtype=torch.float32), torch.zeros(6), scaler, **names
        )
        for name in ("dense", "sparse")
    }


def test_simulate_counts_rows_of_the_table(world, heads, table):
    options = SimulateOptions(classes=3, repeats=2)
    study = study_from_heads("simulate", heads, table, ROWS, world.exhibits, options)
    assert len(study.tasks) == 12
    for task in study.tasks:
        truth = study.key.truths[task.id]
        assert min(truth["rows"]) >= 100
        assert [study.key.media[c.media[0]] for c in task.candidates] == [f"row/{i}" for i in truth["rows"]]
        rows = table.take(torch.tensor(truth["rows"])).float()
        probability = heads[truth["arm"]].probabilities(rows)[:, truth["class"]]
        assert "abc"[int(probability.argmax())] == truth["correct"]


def test_spurious_shows_rows_of_its_classes(world, heads, table):
    study = study_from_heads("spurious", heads, table, ROWS, world.exhibits, SpuriousOptions(pairs=3))
    for truth in study.key.truths.values():
        for c, rows in zip(truth["classes"], truth["rows"], strict=True):
            members = ROWS[world.labels[ROWS] == c]
            activation = table.take(torch.tensor(members)).float()[:, truth["feature"]]
            assert rows == members[activation.argsort(descending=True)[:3]].tolist()


def test_misclassification_asks_about_the_last_heads_errors(world, heads, table):
    options = MisclassificationOptions(tasks=10, only_flips=False)
    study = study_from_heads("misclassification", heads, table, ROWS, world.exhibits, options)
    for truth in study.key.truths.values():
        assert truth["row"] >= 100
        assert int(heads["sparse"].predict(table.take(torch.tensor([truth["row"]])).float())) == truth["predicted"]
        assert truth["label"] == world.labels[truth["row"]] != truth["predicted"]


def test_a_single_margin_is_asked_about_like_two_classes(world, tmp_path):
    labels = (world.labels > 2).astype(np.int64)
    table = FeatureTable.from_arrays(tmp_path / "b", world.z.astype(np.float32), labels, class_names=["no", "yes"])
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(24, 1)), dtype=torch.float32)
    scaler = Standardizer.identity(24)
    head = SparseHead(weight, torch.tensor([0.3]), scaler, class_names=["no", "yes"], link="margin")
    options = MisclassificationOptions(tasks=15, only_flips=False)
    study = study_from_heads("misclassification", {"sparse": head}, table, ROWS, world.texts, options)
    for truth in study.key.truths.values():
        assert int(head.predict(table.take(torch.tensor([truth["row"]])).float())) == truth["predicted"]
    assert study_from_heads("simulate", {"a": head, "b": head}, table, ROWS, world.texts, SimulateOptions(repeats=1))


def test_exemplars_show_all_features_unless_all_are_explained(world, heads, table):
    bare = Exhibits(image=world.image, feature_pictures={0: world.exhibits.feature_pictures[0]})
    full = with_exemplars(bare, table, heads, ROWS)
    assert {len(pictures) for pictures in full.feature_pictures.values()} == {3}, "one form, or it tells the arm"
    best = table.take(torch.tensor(ROWS)).float()[:, 5].argmax()
    assert np.array_equal(full.feature_pictures[5][0], world.image(ROWS[best]))
    assert with_exemplars(full, table, heads, ROWS) is full
    texts = with_exemplars(Exhibits(texts=world.texts.texts), table, heads, ROWS, k=2)
    assert texts.feature(5).texts[0] == f"sentence number {ROWS[best]}"
    assert len(texts.feature(5).texts) == 2
    with pytest.raises(DataError, match="need the images"):
        with_exemplars(Exhibits(), table, heads, ROWS)


def test_wrong_kinds_are_refused(world, heads, table, tmp_path):
    with pytest.raises(SettingError, match="no such kind"):
        study_from_heads("guess", heads, table, ROWS, world.exhibits)
    bare = FeatureTable.from_arrays(tmp_path / "u", world.z.astype(np.float32))
    with pytest.raises(DataError, match="class label"):
        study_from_heads("simulate", heads, bare, ROWS, world.exhibits)


@pytest.mark.parametrize(
    ("kind", "classes", "field"),
    [
        ("simulate", 6, "classes"),
        ("spurious", 6, "pairs"),
        ("spurious", 2, "per_pair"),
        ("misclassification", 2, "tasks"),
    ],
)
def test_the_number_of_tasks_means_what_the_kind_counts(kind, classes, field):
    paper, asked = options_for(kind, classes), options_for(kind, classes, BuildSettings(tasks=7, seed=3))
    assert asked == replace(paper, seed=3, **{field: 7})
    assert getattr(paper, field) in (50, 100, 1000, 1330)
