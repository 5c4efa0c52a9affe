"""Pictures that drive features as far as they go: gradient ascent on many features at once (Wong et al. 2021, B.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.seeds import derive
from clearhead.explain.image_param import FourierParam, ImageParam, PixelParam
from clearhead.explain.transforms import AugmentOptions, draw_views, view

__all__ = ["AscentOptions", "ascend"]

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class AscentOptions:
    """How pictures are optimised.

    Parameters
    ----------
    mode : "standard" (Fourier spectrum, decorrelated colours, random views, frequency penalty) or "robust" (pixels).
    steps, rate : number of steps and their size: Adam's rate ("standard"), or the ℓ₂ length of a step as a share of
        the picture's root side length ("robust").
    augment : random views; only used by "standard".
    variation : weight of the penalty on high frequencies (mean absolute difference of neighbouring pixels), in
        standard deviations of the feature; only used by "standard".
    seed : start and views of each picture follow from it, the feature and the direction alone.
    """

    mode: str = "standard"
    steps: int = 256
    rate: float | None = None
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    variation: float = 1.0
    seed: int = 0
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if self.mode not in ("standard", "robust") or self.steps < 1:
            raise SettingError(
                "this is no way to optimise a picture",
                got=f"mode={self.mode!r}, steps={self.steps}",
                expected='mode "standard" or "robust", and at least one step',
            )


def ascend(
    features: Features,
    units: Sequence[int],
    signs: Sequence[int],
    size: tuple[int, int],
    options: AscentOptions | None = None,
    *,
    scale: Tensor | None = None,
    starts: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """One picture for each (unit, sign), optimised together; equal to optimising each alone.

    Parameters
    ----------
    features : differentiable function from (n, 3, h, w) pictures in [0, 1] to (n, p) features.
    units, signs : feature numbers and +1 or −1 (drive it up or down), one a picture.
    scale : (p,) standard deviations, so that the penalty weighs equally on all; ones by default.
    starts : (n, 3, h, w) pictures to begin at; seeded noise by default. A rectified feature that noise leaves at zero
        has no gradient there, and needs a picture to which it reacts.

    Returns
    -------
    (n, 3, h, w) pictures in [0, 1], on the CPU.

    Examples
    --------
    >>> red = lambda x: x[:, 0].mean((1, 2))[:, None]
    >>> picture = ascend(red, [0], [1], (16, 16), AscentOptions(mode="robust", steps=16))
    >>> bool(picture[0, 0].mean() > 0.9)
    True
    """
    options = options or AscentOptions()
    seeds = [derive(options.seed, "ascent", unit, sign) for unit, sign in zip(units, signs, strict=True)]
    column = torch.as_tensor(list(units), device=device)
    factor = torch.as_tensor(list(signs), device=device, dtype=options.dtype)
    if scale is not None:
        chosen = scale.to(device, options.dtype)[column]
        factor = torch.where(chosen > 0, factor / chosen, factor)
    objective = _Objective(features, column, factor)
    kind, run = (FourierParam, _ascend_spectrum) if options.mode == "standard" else (PixelParam, _ascend_pixels)
    param = kind(seeds, size, dtype=options.dtype)
    if starts is not None:
        param.start_from(starts)
    return run(objective, param.to(device), seeds, options)


@dataclass(frozen=True)
class _Objective:
    features: Features
    column: Tensor
    factor: Tensor

    def __call__(self, pictures: Tensor) -> Tensor:
        """The sum over pictures of ±z: each picture's gradient is its own."""
        values = self.features(pictures).gather(1, self.column[:, None])[:, 0]
        return (values * self.factor).sum()


def _ascend_spectrum(objective: _Objective, param: ImageParam, seeds: Sequence[int], options: AscentOptions) -> Tensor:
    values = param.values.requires_grad_()
    views = draw_views(seeds, options.steps, options.augment).to(values.device)
    adam = _Adam(values, options.rate or 0.05)
    for step in range(options.steps):
        pictures = param.pictures()
        seen = view(pictures, views[:, step]) if options.augment.active else pictures
        loss = options.variation * _variation(pictures) - objective(seen)
        (gradient,) = torch.autograd.grad(loss, [values])
        adam.step(gradient)
    return param.pictures().detach().cpu()


class _Adam:
    """Adam on one tensor (torch.optim imports the compiler first, which costs seconds)."""

    def __init__(self, values: Tensor, rate: float) -> None:
        self.values, self.rate, self.steps = values, rate, 0
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        self.steps += 1
        self.mean.lerp_(gradient, 0.1)
        self.square.lerp_(gradient.square(), 0.001)
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        self.values -= self.rate * mean / (square.sqrt() + 1e-8)


def _ascend_pixels(objective: _Objective, param: ImageParam, seeds: Sequence[int], options: AscentOptions) -> Tensor:
    values = param.values
    length = (options.rate or 0.05) * (values.shape[-2] * values.shape[-1]) ** 0.5
    for _ in range(options.steps):
        values = values.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(objective(values), [values])
        norm = gradient.flatten(1).norm(dim=1)[:, None, None, None]
        # A feature that does not react to its picture has no direction to go; it keeps its start.
        values = values.detach() + length * gradient / norm.clamp(min=1e-30)
        values = values.clamp(0.0, 1.0)
    return values.detach().cpu()


def _variation(pictures: Tensor) -> Tensor:
    across = (pictures[..., 1:] - pictures[..., :-1]).abs().mean((1, 2, 3))
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean((1, 2, 3))
    return (across + down).sum()
