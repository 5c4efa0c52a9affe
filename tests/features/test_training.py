"""Attacks stay in their ball and agree with another implementation; training resumes, and robust training is robust."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from clearhead.core.errors import ArtifactError, NotConvergedError, SettingError
from clearhead.features.attack import PGD, perturb
from clearhead.features.robustness import Normalised
from clearhead.features.training import RECIPES, Recipe, augmented, evaluate, train


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 9, 2))


def data(n: int = 200):
    """Two classes told by a weak mean shift of all pixels and, in one pixel, by a strong mark."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    x = 0.5 + 0.1 * torch.randn(n, 3, 8, 8, generator=generator) + 0.12 * (y - 0.5)[:, None, None, None]
    return x.clamp(0, 1), y


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("start", [True, False])
def test_attacks_stay_in_ball_and_range_and_raise_the_loss(norm, start):
    (x, y), model = data(32), net()
    attack = PGD(norm, 0.5 if norm == "l2" else 0.05, steps=5, random_start=start)
    moved = perturb(model, x, y, attack, generator=torch.Generator().manual_seed(1))
    change = (moved - x).flatten(1)
    size = change.norm(dim=1) if norm == "l2" else change.abs().amax(1)
    assert float(size.max()) <= attack.epsilon * (1 + 1e-5)
    assert float(size.min()) > 0.5 * attack.epsilon
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    loss = nn.functional.cross_entropy
    with torch.no_grad():
        assert float(loss(model(moved), y)) > float(loss(model(x), y))
    assert not any(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_agrees_with_torchattacks(norm):
    torchattacks = pytest.importorskip("torchattacks")
    (x, y), model = data(16), net().eval()
    attack = PGD(norm, 0.3 if norm == "l2" else 0.03, steps=4, step=0.1 if norm == "l2" else 0.01, random_start=False)
    theirs = (torchattacks.PGDL2 if norm == "l2" else torchattacks.PGD)(
        model, eps=attack.epsilon, alpha=attack.step_size, steps=4, random_start=False
    )(x, y)
    torch.testing.assert_close(perturb(model, x, y, attack), theirs, rtol=0, atol=2e-6)


def test_one_step_of_l2_is_the_closed_form():
    """For a linear model the best direction is its weight: one full step reaches ε·w/‖w‖."""
    w = torch.randn(12, generator=torch.Generator().manual_seed(0))

    def model(x):
        margin = x.flatten(1) @ w
        return torch.stack([-margin, margin], 1)

    x, attack = torch.full((3, 3, 2, 2), 0.5), PGD("l2", 0.1, steps=1, random_start=False)
    moved = perturb(model, x, torch.zeros(3).long(), attack)
    torch.testing.assert_close((moved - x).flatten(1), (0.1 * w / w.norm()).expand(3, -1), atol=1e-6, rtol=1e-5)


def test_the_random_start_fills_the_ball():
    x = torch.full((2000, 1, 1, 2), 0.5)
    y = torch.zeros(2000).long()
    moved = perturb(lambda z: z.flatten(1), x, y, PGD("l2", 0.2, steps=0), generator=torch.Generator().manual_seed(0))
    radius = (moved - x).flatten(1).norm(dim=1) / 0.2
    assert float(radius.max()) <= 1 + 1e-5
    assert abs(float((radius < math.sqrt(0.5)).float().mean()) - 0.5) < 0.05


def test_the_papers_recipes():
    assert RECIPES["imagenet-robust"].attack == PGD("l2", 3.0, 3)
    assert RECIPES["imagenet-robust"].attack.step_size == 2.0
    assert [round(RECIPES["places10"].rate(e), 6) for e in (0, 29.9, 30, 60, 89)] == [0.1, 0.1, 0.01, 0.001, 0.001]
    assert RECIPES["imagenet"].batch_size == 512
    cycle = Recipe(epochs=10, one_cycle=True, learning_rate=0.4)
    assert [round(cycle.rate(e), 3) for e in (0, 1, 2, 6, 10)] == [0.0, 0.2, 0.4, 0.2, 0.0]


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    (x, y), recipe = data(), Recipe(epochs=4, batch_size=50, learning_rate=0.05, attack=PGD("linf", 0.01, 2))
    whole = net()
    history = train(whole, x, y, recipe, checkpoint=tmp_path / "a.pt")

    class StopError(Exception):
        pass

    class Stop:
        def start(self, task, total=None): ...

        def advance(self, steps=1, note=""):
            if "loss" in note:
                raise StopError

        def finish(self, note=""): ...

    parts = net()
    with pytest.raises(StopError):
        train(parts, x, y, recipe, checkpoint=tmp_path / "b.pt", progress=Stop())
    resumed = net()
    assert train(resumed, x, y, recipe, checkpoint=tmp_path / "b.pt") == history
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ArtifactError, match="another training"):
        train(net(), x, y, Recipe(epochs=2), checkpoint=tmp_path / "b.pt")


def test_training_learns_and_robust_training_resists():
    """A patch beyond the attack's reach, right for 87 % of the images, and a faint tint within it, always right:
    standard training leans on the tint, robust training on the patch."""
    generator = torch.Generator().manual_seed(5)
    y = torch.arange(600) % 2
    sign = 2.0 * y - 1
    seen = torch.where(torch.rand(600, generator=generator) < 0.13, -sign, sign)
    x = 0.5 + 0.04 * sign[:, None, None, None] + 0.05 * torch.randn(600, 3, 8, 8, generator=generator)
    x[:, :, :2, :2] = 0.5 + 0.15 * seen[:, None, None, None]
    attack, scores = PGD("linf", 0.06, 3), []
    for against in (None, attack):
        linear = nn.Linear(192, 2)
        nn.init.zeros_(linear.weight)
        model = Normalised(nn.Sequential(nn.Flatten(), linear), [0.5] * 3, [1.0] * 3)
        train(model, x, y, Recipe(epochs=10, batch_size=50, learning_rate=0.5, attack=against, augment=0))
        scores.append(evaluate(model, x, y, {"pgd": attack}))
    standard, robust = scores
    assert standard.clean > 0.97
    assert standard.attacked["pgd"] < 0.1
    assert robust.attacked["pgd"] > 0.8


def test_augmentation_moves_and_flips_whole_images():
    x = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = augmented(x, 2, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert not torch.equal(x, y)
    assert torch.equal(augmented(x, 0, torch.Generator()), x)
    wide = nn.functional.pad(x, (2,) * 4, mode="reflect")
    windows = [wide[:, :, i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
    windows += [w.flip(3) for w in windows]
    assert all(any(torch.equal(y[i], w[i]) for w in windows) for i in range(64))


def test_uint8_images_are_scaled():
    x, y = data(20)
    as_bytes = (x * 255).round().byte()
    assert evaluate(net(), as_bytes, y) == evaluate(net(), as_bytes.float() / 255, y)


def test_refusals():
    (x, y) = data(50)
    with pytest.raises(SettingError):
        PGD("l1")
    with pytest.raises(SettingError):
        PGD(steps=-1)
    with pytest.raises(SettingError):
        Recipe(epochs=0)
    with pytest.raises(NotConvergedError, match="not finite"):
        train(net(), x, y, Recipe(epochs=5, batch_size=10, learning_rate=1e30))
