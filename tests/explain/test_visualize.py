"""Visualisations as a finding: what they reach, resuming, which network it is."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import ModelError, SettingError
from clearhead.explain.ascent import AscentOptions
from clearhead.explain.robustness import measure_sensitivity
from clearhead.explain.view import PictureView
from clearhead.explain.visualize import VisualizeOptions, visualize
from clearhead.features.backbone import Backbone

from .networks import cifar_pictures, robust_cifar, standard_cifar
from .planted import PATCH, SIDE, PlantedImages, hue_and_orientation, image_preprocess, image_subject

# The package exports the function under the module's name.
module = importlib.import_module("clearhead.explain.visualize")
FAST = VisualizeOptions(mode="standard", direction="positive", ascent=AscentOptions(steps=96, rate=0.1), batch=2)


def test_pictures_go_beyond_the_data_and_say_how_far(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    finding = visualize(subject, [0, 1], tmp_path, FAST)
    for row in finding.tables["visualization"].rows():
        assert row["z"] > row["best_z"]
        best = subject.standardize(subject.table.take(subject.rows))[:, row["feature"]].max()
        assert row["best_z"] == pytest.approx(float(best))
    assert finding.numbers["beyond_data"] == 2
    with Image.open(tmp_path / finding.media["0+"]) as image:
        shown = torch.from_numpy(np.array(image)).permute(2, 0, 1)[:, ::3, ::3] / 255
    assert shown.shape == (3, SIDE, SIDE)
    assert abs(hue_and_orientation(shown[:, PATCH, PATCH])[0]) < 20
    z = subject.standardize(subject.backbone.features(shown[None] * 2 - 1))[0, 0]
    assert finding.tables["visualization"].columns["z"][0] == pytest.approx(float(z), abs=1e-4)


def test_an_interrupted_layer_goes_on(tmp_path, monkeypatch):
    subject, ascend, done = image_subject(tmp_path / "table", 0), module.ascend, []

    def interrupted(features, units, *args, **named):
        if len(done) == 2:
            done.append(None)
            raise KeyboardInterrupt
        done.extend(units)
        return ascend(features, units, *args, **named)

    monkeypatch.setattr(module, "ascend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        visualize(subject, [0, 1, 2], tmp_path, FAST)
    resumed = visualize(subject, [0, 1, 2], tmp_path, FAST)
    assert done == [0, 1, None, 2]
    whole = visualize(subject, [0, 1, 2], tmp_path / "whole", dataclasses.replace(FAST, batch=3))
    assert resumed.tables["visualization"].columns["z"] == pytest.approx(
        whole.tables["visualization"].columns["z"], 1e-3
    )


def test_training_mode_and_gradients_are_left_as_they_were(tmp_path):
    subject = image_subject(tmp_path / "table", 0)
    model = subject.backbone.model.train()
    model.unit.requires_grad_(True)
    visualize(subject, [0], tmp_path, FAST)
    assert model.training
    assert model.dropout.training
    assert model.unit.requires_grad
    assert model.unit.grad is None
    assert not model._forward_hooks


def test_a_constant_feature_is_named(tmp_path):
    finding = visualize(image_subject(tmp_path / "table", 0), [3], tmp_path, FAST)
    assert not finding.media
    assert any("feature 3" in note for note in finding.caveats)


def test_auto_measures_once_and_says_what_it_found(tmp_path, monkeypatch):
    subject = image_subject(tmp_path / "table", 0)
    options = dataclasses.replace(FAST, mode="auto")
    first = visualize(subject, [0], tmp_path, options)
    assert first.numbers["mode"] in ("standard", "robust")
    assert first.numbers["movement_under_attack"] >= first.numbers["movement_under_noise"]
    monkeypatch.setattr(module, "measure_sensitivity", lambda *_: pytest.fail("measured again"))
    assert visualize(subject, [0], tmp_path, options).numbers == first.numbers
    with pytest.raises(SettingError, match="mode"):
        VisualizeOptions(mode="dream")


def test_measurement_tells_robust_from_standard_cifar_networks(shared_data):
    pictures = cifar_pictures(shared_data, 128)
    found = []
    for network in (standard_cifar(shared_data), robust_cifar(shared_data)):
        with torch.no_grad():
            scale = network(pictures).std(0, correction=0)
        found.append(measure_sensitivity(network, pictures[:16], scale))
    assert [s.mode for s in found] == ["standard", "robust"]
    assert found[0].attacked > 4 * found[1].attacked


def test_any_preprocessing_is_undone():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    backbone = Backbone.from_module(
        PlantedImages(), image_preprocess, kind="image", encoder=True, example=[image, image]
    )
    view = PictureView.of(backbone, image)
    expected = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    assert torch.allclose(view.picture(image), expected, atol=1e-6)
    assert view.picture(image, (20, 30)).shape == (3, 20, 30)
    direct = backbone.features(image_preprocess([image]))
    assert torch.allclose(view.features(view.picture(image)[None]), direct, atol=1e-5)


def test_a_preprocessing_that_is_no_colour_map_is_refused():
    image = Image.new("RGB", (SIDE, SIDE))
    edges = lambda images: image_preprocess(images).diff(dim=-1, append=torch.zeros(len(images), 3, SIDE, 1))  # noqa: E731
    backbone = Backbone.from_module(PlantedImages(), edges, kind="image", encoder=True, example=[image, image])
    with pytest.raises(ModelError, match="affine map"):
        PictureView.of(backbone, image)


def test_a_rectified_feature_that_noise_leaves_dead_begins_at_its_best_image(tmp_path, monkeypatch):
    """Redness of the patch counts only above a half: noise is grey, so nothing says which way to go."""
    from . import planted

    soft = planted.red_patch_and_edge
    rectify = lambda x: torch.cat([(soft(x)[:, :1] - 0.5).relu(), soft(x)[:, 1:]], 1)  # noqa: E731
    monkeypatch.setattr(planted, "red_patch_and_edge", rectify)
    subject = image_subject(tmp_path / "table", 0)
    finding = visualize(subject, [0, 1], tmp_path, FAST)
    assert finding.tables["visualization"].columns["start"] == ["image", "noise"]
    assert finding.tables["visualization"].columns["z"][0] > finding.tables["visualization"].columns["best_z"][0]
    assert any("1 pictures began at an image" in note for note in finding.caveats)
