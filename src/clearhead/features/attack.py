"""Adversarial examples: projected gradient descent in an L2 or L∞ ball around the input (Madry et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clearhead.core.errors import SettingError

__all__ = ["PGD", "perturb"]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class PGD:
    """An attack: ball, radius in the units of the input, steps and their size.

    The paper's robust ImageNet networks (section C.2) are trained against ``PGD("l2", 3.0, steps=3)``, whose step is
    2ε/3, the default: 2ε/steps.

    Examples
    --------
    >>> PGD("linf", 2 / 255, steps=10).step_size == 2 * (2 / 255) / 10
    True
    """

    norm: str = "l2"
    epsilon: float = 3.0
    steps: int = 3
    step: float | None = None
    random_start: bool = True

    def __post_init__(self) -> None:
        if self.norm not in ("l2", "linf"):
            raise SettingError("unknown ball", got=self.norm, expected="l2 or linf")
        if self.epsilon < 0 or self.steps < 0 or (self.step is not None and self.step <= 0):
            raise SettingError("an attack needs ε ≥ 0, steps ≥ 0 and a step size > 0", got=self)

    @property
    def step_size(self) -> float:
        """The length of one step."""
        return self.step if self.step is not None else 2 * self.epsilon / max(self.steps, 1)


def perturb(
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    attack: PGD,
    *,
    loss: Loss = F.cross_entropy,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images (n, c, h, w) in 0…1 moved within the ball so that the loss grows; they stay in 0…1.

    ``model`` maps images in 0…1 to logits (n, k): a network that normalises inside. It should be in evaluation mode,
    or its batch statistics follow the attack. The random start is uniform in the ball; ``generator`` decides it.
    """
    start = images.detach()
    moved = start + _random_in_ball(start, attack, generator) if attack.random_start else start.clone()
    moved = moved.clamp(0, 1)
    for _ in range(attack.steps):
        moved.requires_grad_(True)
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(model(moved), labels), moved)
        moved = moved.detach() + attack.step_size * _direction(gradient, attack.norm)
        moved = (start + _projected(moved - start, attack)).clamp(0, 1)
    return moved.detach()


def _per_image(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 1))


def _norms(change: Tensor) -> Tensor:
    return _per_image(change.flatten(1).norm(dim=1), change)


def _direction(gradient: Tensor, norm: str) -> Tensor:
    return gradient.sign() if norm == "linf" else gradient / _norms(gradient).clamp(min=1e-12)


def _projected(change: Tensor, attack: PGD) -> Tensor:
    if attack.norm == "linf":
        return change.clamp(-attack.epsilon, attack.epsilon)
    return change * (attack.epsilon / _norms(change).clamp(min=1e-12)).clamp(max=1)


def _random_in_ball(images: Tensor, attack: PGD, generator: torch.Generator | None) -> Tensor:
    def draw(kind: Callable[..., Tensor], *shape: int) -> Tensor:
        device = images.device if generator is None else generator.device
        return kind(*shape, generator=generator, device=device, dtype=images.dtype).to(images.device)

    if attack.norm == "linf":
        return (2 * draw(torch.rand, *images.shape) - 1) * attack.epsilon
    direction = draw(torch.randn, *images.shape)
    # Uniform in the ball: the radius is the dimension's root of a uniform number.
    radius = draw(torch.rand, len(images)) ** (1 / max(images[0].numel(), 1))
    return direction / _norms(direction).clamp(min=1e-12) * _per_image(radius, images) * attack.epsilon
