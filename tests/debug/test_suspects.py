"""A planted background, small enough for a test: the object in the middle, the shortcut in the frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import DataError, SettingError
from clearhead.debug import (
    Material,
    Objects,
    SuggestOptions,
    Swap,
    cue_from_errors,
    cue_from_groups,
    cue_from_surroundings,
    gather_evidence,
    rank_suspects,
    removals,
    suggest_removals,
    suspects,
    swap_surroundings,
)
from clearhead.debug.objects import blend, ellipse
from clearhead.debug.suggest import balancing_weights
from clearhead.debug.surroundings import _pairs
from clearhead.glm import Binomial, fit
from clearhead.head import SparseHead

SIDE = 12


def pictures(n: int, agree: float, seed: int) -> tuple[list[Image.Image], np.ndarray, np.ndarray]:
    """Grey middle (the object, noisy) in a red-level frame (the background, which agrees with the label)."""
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=n)
    ground = np.where(rng.random(n) < agree, label, 1 - label)
    made = []
    for y, g in zip(label, ground, strict=True):
        image = rng.normal(120, 12, (SIDE, SIDE, 3))
        image[..., 0] += 50 * (2 * g - 1)
        image[3:9, 3:9] = rng.normal(120 + 18 * (2 * y - 1) + rng.normal(0, 18), 20, (6, 6, 1))
        made.append(Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)))
    return made, label, ground


def featurize(images: list[Image.Image]) -> torch.Tensor:
    """Means of nine tiles of two channels: 0-8 red (the frame's), 9-17 green (only the middle's is informative)."""
    x = torch.from_numpy(np.stack([np.asarray(i) for i in images])).float()[..., :2].permute(0, 3, 1, 2)
    return torch.nn.functional.adaptive_avg_pool2d(x, 3).flatten(1)


FRAME = {0, 1, 2, 3, 5, 6, 7, 8}


@pytest.fixture(scope="module")
def world():
    images, label, _ = pictures(400, 0.95, 0)
    X, y = featurize(images), torch.from_numpy(label)
    head = SparseHead.from_solution(fit(X, y, loss=Binomial(), lambda_=0.005))
    swapped = swap_surroundings(images, y, featurize, swap=Swap(count=400, radius=(0.5, 0.5)))
    cue = cue_from_surroundings(head, swapped, X, rows=torch.arange(400))
    return head, X, y, swapped, cue


def test_the_tool_finds_the_frame_without_being_told(world):
    head, X, y, swapped, cue = world
    evidence = gather_evidence(head, X, y, cue, swapped=swapped)
    ranked = rank_suspects(head, evidence)
    assert all(j in FRAME for j, _, _ in ranked[:3])
    assert float(cue.skill.min()) > 0.7
    finding = suspects(head, evidence)
    row = finding.tables["suspects"].rows()[0]
    assert row["cue_low"] <= row["cue_correlation"] <= row["cue_high"]
    assert row["number"] in FRAME
    assert any("not spurious" in c for c in finding.caveats)


@pytest.mark.parametrize("on", ["recombined", "balanced"])
def test_the_repair_holds_where_the_background_lies(world, on):
    head, X, y, swapped, cue = world
    evidence = gather_evidence(head, X, y, cue, swapped=swapped)
    plan = suggest_removals(head, Material(X, y), evidence, cue, SuggestOptions(on=on, limit=8), swapped=swapped)
    images, label, ground = pictures(600, 0.5, 1)
    conflict = label != ground
    right = [(h.predict(featurize(images)).numpy() == label)[conflict].mean() for h in (head, plan.head)]
    assert right[1] > right[0] + 0.1
    assert all(step.gap <= 1e-4 for step in plan.steps)
    assert all(float(plan.head.weight[edit.feature].abs().sum()) == 0 for edit in plan.edits)
    steps = removals(head, plan).tables["steps"].rows()
    assert sum(step["chosen"] for step in steps) == 1
    assert sum(len(step["features"]) for step in steps) == steps[-1]["removed"] <= 8


def test_a_frame_that_says_nothing_raises_no_skill():
    images, label, _ = pictures(300, 0.5, 2)
    X, y = featurize(images), torch.from_numpy(label)
    head = SparseHead.from_solution(fit(X, y, loss=Binomial(), lambda_=0.02))
    # Wide enough to cover the whole object: what of it sticks out would count as surroundings.
    swapped = swap_surroundings(images, y, featurize, swap=Swap(count=300, radius=(0.8, 0.8)))
    assert float(cue_from_surroundings(head, swapped, X).skill.max()) < 0.2


def test_known_groups_and_errors_serve_as_cues(world):
    head, X, y, _, _ = world
    _, _, ground = pictures(400, 0.95, 0)
    known = gather_evidence(head, X, y, cue_from_groups(ground, 2))
    assert rank_suspects(head, known)[0][0] in FRAME
    errors = gather_evidence(head, X, y, cue_from_errors(head, X, y))
    assert any("look alike in errors" in c for c in suspects(head, errors).caveats)
    right = head.predict(X) == y
    with pytest.raises(DataError, match="makes no error"):
        cue_from_errors(head, X[right], y[right])
    with pytest.raises(DataError, match="class that goes with it"):
        cue_from_groups([0, 5], 2)


def test_idle_features_are_judged_only_on_request(world):
    head, X, y, swapped, cue = world
    evidence = gather_evidence(head, X, y, cue, swapped=swapped)
    lone = head.with_weight(torch.where(torch.arange(18)[:, None] == 13, head.weight + 1.0, 0.0))
    assert [j for j, _, _ in rank_suspects(lone, evidence)] == [13]
    assert rank_suspects(lone, evidence, also=torch.tensor([0]))[0][0] == 0
    with pytest.raises(DataError, match="no feature at all"):
        suspects(head.with_weight(torch.zeros_like(head.weight)), evidence)


def test_balancing_makes_cue_and_label_independent(world):
    _, _, y, _, cue = world
    weight = balancing_weights(y, cue)
    for c in (0, 1):
        own = y == c
        agrees = own & (cue.classes == c)
        assert float(weight[agrees].sum()) == pytest.approx(float(weight[own & ~agrees].sum()))
    assert float(weight.mean()) == pytest.approx(1.0)


def test_pictures_are_recombined_evenly_and_never_with_themselves():
    middle, behind = _pairs(7, np.random.default_rng(0))
    assert sorted(middle) == sorted(behind) == list(range(7))
    assert (middle != behind).all()


def test_blend_is_exact_at_both_ends_and_boxes_take_only_the_box():
    white, black = (Image.new("RGB", (8, 6), c) for c in ("white", "black"))
    mask = ellipse((8, 6), 0.5, 1e-6)
    mixed = np.asarray(blend(white, black, mask))[..., 0]
    assert set(mixed.flatten().tolist()) == {0, 255}
    assert mixed[0, 0] == 255
    assert mixed[3, 4] == 0
    with pytest.raises(DataError, match="differ in size"):
        blend(white, Image.new("RGB", (2, 2)), mask)
    boxes = np.array([[0, 0, 4, 4], [4, 2, 8, 6]], float)
    swapped = swap_surroundings(
        [white, black],
        [0, 1],
        lambda p: torch.stack([torch.tensor(np.asarray(i)[..., 0]).float().flatten() for i in p]),
        objects=Objects(boxes),
        swap=Swap(count=2),
    )
    image = swapped.features[int((swapped.behind == 1).nonzero()[0])].reshape(6, 8)
    assert float(image[:2].max()) == 0
    assert float(image[3:5, 5:7].min()) == 255


def test_masks_take_the_outline_and_leave_nothing_of_the_other_object():
    grey, black = (Image.new("RGB", (8, 6), c) for c in ("gray", "black"))
    corner, block = np.zeros((6, 8)), np.zeros((6, 8), bool)
    corner[0, :4] = corner[:4, 0] = 1  # an L in a box of 4 by 4
    block[2:6, 4:8] = True
    objects = Objects.outlined([corner, block])
    assert objects.boxes.tolist() == [[0, 0, 4, 4], [4, 2, 8, 6]]
    swapped = swap_surroundings(
        [grey, black],
        [0, 1],
        lambda p: torch.stack([torch.tensor(np.asarray(i)[..., 0]).float().flatten() for i in p]),
        objects=objects,
        swap=Swap(count=2),
    )
    image = swapped.features[int((swapped.behind == 1).nonzero()[0])].reshape(6, 8)
    assert (image[2:, 4:] == 128).all(), "all of the block is covered, though the L is smaller"
    assert not image[:2].any()
    assert not image[:, :4].any()
    with pytest.raises(DataError, match="mask 1 marks nothing"):
        Objects.outlined([corner, np.zeros((6, 8))])


@pytest.mark.parametrize(
    ("labels", "swap", "boxes", "error"),
    [
        ([0], Swap(), None, "one label an image"),
        ([0, 0], Swap(), None, "only between classes"),
        ([0, 1], Swap(radius=(0.0, 0.5)), None, "radius must be a range"),
        ([0, 1], Swap(), np.zeros((2, 3)), "x0, y0, x1, y1"),
    ],
)
def test_bad_pictures_are_named(labels, swap, boxes, error):
    images = [Image.new("RGB", (4, 4))] * 2
    with pytest.raises((DataError, SettingError), match=error):
        swap_surroundings(images, labels, featurize, swap=swap, objects=None if boxes is None else Objects(boxes))
