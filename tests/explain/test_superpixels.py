"""Exemplars explained by superpixels: planted patch, resuming, own masks, small and flat images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Finding
from clearhead.explain import image_explainer
from clearhead.explain.lime import LimeOptions
from clearhead.explain.segments import SegmentOptions, contiguous, segment
from clearhead.explain.superpixels import SuperpixelsOptions, superpixels

from .planted import PATCH, SIDE, image_subject, scenes

FAST = SuperpixelsOptions(lime=LimeOptions(samples=80), segments=SegmentOptions("slic", 25))


@pytest.mark.parametrize("seed", range(3))
def test_exemplars_of_the_patch_carry_it_and_deleting_it_lowers_the_feature(tmp_path, seed):
    subject = image_subject(tmp_path / "table", seed)
    finding = superpixels(subject, [0], tmp_path, dataclasses.replace(FAST, exemplars=3, direction="positive"))
    rows = finding.tables["superpixels"].rows()
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert all(subject.table.labels[row["row"]] == 1 for row in rows)
    assert all(row["deletion_top"] > row["deletion_random"] for row in rows)
    assert finding.numbers["deletion_gain"].low > 0
    with Image.open(tmp_path / finding.media["0+"]) as picture:
        assert picture.width > 5 * picture.height


def test_direction_follows_the_largest_weight(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    finding = superpixels(subject, [0, 1, 2], tmp_path, FAST)
    assert set(finding.media) == {"0-", "1-", "2+"}
    both = superpixels(subject, [1], tmp_path, dataclasses.replace(FAST, direction="both"))
    assert set(both.media) == {"1+", "1-"}
    with pytest.raises(SettingError, match="direction"):
        superpixels(subject, [1], tmp_path, dataclasses.replace(FAST, direction="up"))


def test_an_interrupted_run_goes_on_and_nothing_is_done_twice(tmp_path, monkeypatch):
    whole = superpixels(image_subject(tmp_path / "table", 0), [0, 1, 2], tmp_path / "whole", FAST)
    subject, explain, calls = image_subject(tmp_path / "again", 0), image_explainer.explain_picture, []

    def interrupted(*args, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return explain(*args, **named)

    monkeypatch.setattr(image_explainer, "explain_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        superpixels(subject, [0, 1, 2], tmp_path, FAST)
    resumed = superpixels(subject, [0, 1, 2], tmp_path, FAST)
    images = int(resumed.numbers["images"])
    assert len(calls) == images + 1
    assert resumed.as_dict()["tables"] == whole.as_dict()["tables"]
    superpixels(subject, [2], tmp_path, FAST)
    assert len(calls) == images + 1


def test_the_users_own_masks(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    patch = np.zeros((SIDE, SIDE), dtype=bool)
    patch[PATCH, PATCH] = True
    masks = dict.fromkeys(range(40), patch)
    finding = superpixels(subject, [0], tmp_path, dataclasses.replace(FAST, direction="positive"), masks=masks)
    (row,) = finding.tables["superpixels"].rows()
    assert row["parts"] == 2
    assert row["top_low"] > 0
    with pytest.raises(DataError, match="differ in size"):
        superpixels(subject, [0], tmp_path, FAST, masks=dict.fromkeys(range(40), patch[:-1]))


def test_a_feature_that_never_varies_is_named_not_explained(tmp_path):
    finding = superpixels(image_subject(tmp_path / "table", 0), [0, 3], tmp_path, FAST)
    assert set(finding.tables["superpixels"].columns["feature"]) == {0}
    assert any("Never varying" in note and "feature 3" in note for note in finding.caveats)
    finding.save(tmp_path / "f.json")
    assert Finding.load(tmp_path / "f.json").media == finding.media


def test_flat_images_are_cut_into_squares(tmp_path):
    flat = torch.linspace(0.2, 0.8, 6)[:, None, None, None].expand(6, 3, SIDE, SIDE)
    finding = superpixels(image_subject(tmp_path / "table", 0, flat), [2], tmp_path, FAST)
    (row,) = finding.tables["superpixels"].rows()
    assert row["parts"] > 1
    assert np.isnan(row["r2"])
    assert row["supporting"] == row["opposing"] == 0


def test_training_mode_is_left_as_it_was(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    calm = superpixels(subject, [0], tmp_path / "a", FAST)
    subject.backbone.model.train()
    noisy = superpixels(subject, [0], tmp_path / "b", FAST)
    assert subject.backbone.model.dropout.training
    assert calm.tables["superpixels"].columns == noisy.tables["superpixels"].columns


@pytest.mark.parametrize("method", ["slic", "quickshift", "grid"])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (8, 5), (32, 32)])
def test_small_pictures_have_at_least_one_superpixel_and_no_gaps(method, size):
    for picture in (np.random.default_rng(0).random((*size, 3)), np.full((*size, 3), 0.5)):
        labels = segment(picture, SegmentOptions(method))
        assert labels.shape == size
        assert sorted(set(labels.flatten())) == list(range(labels.max() + 1))


def test_segments_are_cached_by_content(tmp_path, monkeypatch):
    from clearhead.explain import segments

    picture = scenes(0)[0][0].permute(1, 2, 0).numpy()
    first = segment(picture, cache=tmp_path)
    monkeypatch.setitem(segments.METHODS, "slic", lambda *_: pytest.fail("cut again"))
    assert np.array_equal(segment(picture, cache=tmp_path), first)
    with pytest.raises(pytest.fail.Exception):
        segment(picture + 0.1, cache=tmp_path)


def test_segments_reject_what_is_no_picture():
    with pytest.raises(DataError, match="three colours"):
        segment(np.zeros((4, 4)))
    with pytest.raises(DataError, match="one number a pixel"):
        contiguous(np.zeros(3, dtype=int))
    with pytest.raises(SettingError, match="superpixels"):
        SegmentOptions("watershed")


class _MeanColour(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


@pytest.mark.parametrize("side", [1, 3])
def test_images_smaller_than_a_superpixel_are_explained_whole(tmp_path, side):
    from clearhead.core.scaling import Standardizer
    from clearhead.explain.subject import Subject
    from clearhead.features import Backbone, FeatureTable, in_memory
    from clearhead.features.vision import ImagePreprocess
    from clearhead.head import SparseHead

    images = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), dtype=np.uint8)
    examples, preprocess = in_memory(images, [0, 1] * 4), ImagePreprocess(None, None)
    backbone = Backbone.from_module(_MeanColour(), preprocess, kind="image", encoder=True, example=[examples[0]])
    features = backbone.features(preprocess([examples[i] for i in range(8)]))
    table = FeatureTable.from_arrays(tmp_path / "table", features, [0, 1] * 4, kind="image")
    head = SparseHead(torch.eye(3)[:, :2], torch.zeros(2), Standardizer.fit(table))
    subject = Subject(table, head, backbone=backbone, examples=examples)
    finding = superpixels(subject, [0, 1], tmp_path, FAST)
    assert set(finding.tables["superpixels"].columns["parts"]) == {1}
    assert all(np.isnan(fall) for fall in finding.tables["superpixels"].columns["deletion_top"])
    assert any("too small" in note for note in finding.caveats)
    assert set(finding.media) == {"0+", "1+"}
