"""Explanations find what a feature is by construction, ten seeds each."""

from __future__ import annotations

import pytest
import torch

from clearhead.explain.ascent import AscentOptions, ascend
from clearhead.explain.lime import LimeOptions
from clearhead.explain.picture_lime import Hider, delete_top, explain_picture
from clearhead.explain.segments import SegmentOptions, segment

from .planted import PATCH, SIDE, hue_and_orientation, red_patch_and_edge, scenes

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
def test_superpixels_find_the_red_patch(seed):
    pictures, carries = scenes(seed)
    raw = red_patch_and_edge(pictures)
    mean, scale = raw.mean(0), raw.std(0)
    standardised = lambda x: (red_patch_and_edge(x) - mean) / scale  # noqa: E731
    best = int(standardised(pictures)[:, 0].argmax())
    assert carries[best]
    labels = torch.from_numpy(segment(pictures[best].permute(1, 2, 0).numpy(), SegmentOptions("slic", 30)))
    hider = Hider(pictures[best], labels)
    fit = explain_picture(standardised, hider, LimeOptions(samples=300), seed=seed)
    top = fit.coef[:, 0]
    supporting = (fit.low[:, 0] > 0) & (top > 0.3 * top.max())
    shown = supporting[labels]
    truth = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    truth[PATCH, PATCH] = True
    iou = float((shown & truth).sum() / (shown | truth).sum())
    assert iou >= 0.6
    assert fit.r2[0] > 0.8
    (deletion,) = delete_top(standardised, hider, fit.coef, [0], [1], seed=seed)
    assert deletion.gain > 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", ["standard", "robust"])
def test_visualisation_finds_hue_and_orientation(seed, mode):
    scale = red_patch_and_edge(scenes(seed)[0]).std(0)
    options = AscentOptions(mode=mode, steps=64, rate=None if mode == "robust" else 0.1, seed=seed)
    red, edge = ascend(red_patch_and_edge, [0, 1], [1, 1], (SIDE, SIDE), options, scale=scale)
    hue, _ = hue_and_orientation(red[:, PATCH, PATCH])
    _, angle = hue_and_orientation(edge)
    assert abs(hue) <= 20
    assert abs(angle) <= 15


def test_visualisation_downwards_finds_the_opposite():
    scale = red_patch_and_edge(scenes(0)[0]).std(0)
    pictures = ascend(
        red_patch_and_edge, [0, 1], [-1, -1], (SIDE, SIDE), AscentOptions(steps=64, rate=0.1), scale=scale
    )
    hue, _ = hue_and_orientation(pictures[0][:, PATCH, PATCH])
    _, angle = hue_and_orientation(pictures[1])
    assert abs(abs(hue) - 180) <= 20
    assert abs(abs(angle) - 90) <= 15
