"""Gradient ascent on pictures: batches, views, parametrisations."""

from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import SettingError
from clearhead.explain.ascent import AscentOptions, ascend
from clearhead.explain.image_param import FourierParam, PixelParam
from clearhead.explain.transforms import AugmentOptions, draw_views, view

from .planted import red_patch_and_edge


@pytest.mark.parametrize("mode", ["standard", "robust"])
@pytest.mark.parametrize("augment", [AugmentOptions.none(), AugmentOptions()])
def test_batched_equals_separate_in_float64(mode, augment):
    options = AscentOptions(mode=mode, steps=12, dtype=torch.float64, augment=augment)
    directions = [(0, 1), (1, 1), (1, -1), (2, 1)]
    together = ascend(red_patch_and_edge, [j for j, _ in directions], [s for _, s in directions], (24, 30), options)
    for i, (j, sign) in enumerate(directions):
        alone = ascend(red_patch_and_edge, [j], [sign], (24, 30), options)[0]
        assert torch.allclose(together[i], alone, rtol=0, atol=1e-12)


def test_same_seed_same_picture_other_seed_another():
    draw = lambda seed: ascend(red_patch_and_edge, [1], [1], (24, 24), AscentOptions(steps=4, seed=seed))  # noqa: E731
    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


def test_a_feature_without_gradient_keeps_a_finite_picture():
    dead = lambda x: (x.sum((1, 2, 3)) * 0.0)[:, None]  # noqa: E731
    for mode in ("standard", "robust"):
        assert torch.isfinite(ascend(dead, [0], [1], (16, 16), AscentOptions(mode=mode, steps=3))).all()


def test_a_scale_of_zero_does_not_divide():
    options = AscentOptions(steps=2)
    assert torch.isfinite(ascend(red_patch_and_edge, [0], [1], (24, 24), options, scale=torch.zeros(3))).all()


def test_the_caller_keeps_its_gradients():
    weight = torch.ones(1, requires_grad=True)
    ascend(lambda x: x.mean((2, 3)) * weight, [0], [1], (8, 8), AscentOptions(steps=2))
    assert weight.grad is None


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (32, 32), (7, 12)])
def test_parametrisations_start_as_valid_pictures_of_the_size(size):
    for param in (FourierParam([0, 1], size), PixelParam([0, 1], size)):
        pictures = param.pictures()
        assert pictures.shape == (2, 3, *size)
        assert 0 <= float(pictures.min()) <= float(pictures.max()) <= 1
        assert not torch.equal(pictures[0], pictures[1])


def test_views_are_each_pictures_own():
    both, alone = draw_views([3, 4], 5, AugmentOptions()), draw_views([4], 5, AugmentOptions())
    assert torch.equal(both[1], alone[0])
    assert not torch.equal(both[0], both[1])


def test_no_augmentation_is_the_identity():
    pictures = torch.rand(2, 3, 9, 14, dtype=torch.float64)
    matrices = draw_views([0, 1], 1, AugmentOptions.none())[:, 0]
    assert torch.allclose(view(pictures, matrices), pictures, atol=1e-6)


def test_a_shift_moves_by_the_share_and_pads_with_grey():
    picture = torch.zeros(1, 3, 8, 8)
    matrix = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    moved = view(picture, matrix)
    assert torch.equal(moved[..., 6:], torch.full((1, 3, 8, 2), 0.5))
    assert torch.equal(moved[..., :6], torch.zeros(1, 3, 8, 6))


def test_rotation_does_not_shear_oblong_pictures():
    """A disc stays a disc under a quarter turn of an oblong picture."""
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(40.0), indexing="ij")
    disc = (((y - 9.5) ** 2 + (x - 19.5) ** 2) < 36).float().expand(1, 3, 20, 40)
    quarter = view(disc, torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]]))
    middle = slice(11, 29)
    assert (quarter - disc)[..., middle].abs().max() < 0.01


def test_the_spectrum_is_climbed_as_torchs_adam_would():
    from clearhead.explain import ascent

    values, theirs = torch.ones(5, dtype=torch.float64), torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
    ours, oracle = ascent._Adam(values, 0.05), torch.optim.Adam([theirs], lr=0.05)
    for step in range(20):
        theirs.grad = torch.sin(torch.arange(5.0).double() + step)
        ours.step(theirs.grad)
        oracle.step()
    assert torch.allclose(values, theirs.detach(), atol=1e-12)


def test_bad_settings_are_named():
    with pytest.raises(SettingError, match="optimise"):
        AscentOptions(mode="dream")
    with pytest.raises(SettingError, match="optimise"):
        AscentOptions(steps=0)


@pytest.mark.parametrize("kind", [FourierParam, PixelParam])
def test_a_parametrisation_starts_from_a_picture(kind):
    pictures = 0.1 + 0.8 * torch.rand(2, 3, 12, 15, dtype=torch.float64)
    param = kind([0, 1], (12, 15), dtype=torch.float64)
    param.start_from(pictures)
    assert torch.allclose(param.pictures(), pictures, atol=1e-9)
