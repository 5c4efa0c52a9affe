"""LIME on one picture, for all features at once: superpixels hidden at random, one regression (B.2, second step)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.seeds import numpy_generator
from clearhead.explain.lime import LimeOptions, Masks, Surrogate, fit_surrogate, half_masks

__all__ = ["Deletion", "Hider", "delete_top", "explain_picture"]

Features = Callable[[Tensor], Tensor]


class Hider:
    """Copies of one picture in which the absent superpixels are painted over.

    Parameters
    ----------
    picture : (3, h, w).
    segments : (h, w) int64, superpixel numbers 0 to d−1.
    paint : "image" paints in the picture's mean colour, "superpixel" in each superpixel's own (as `lime` does, which
        cannot show a feature that looks for a colour), a number in that grey.
    """

    def __init__(self, picture: Tensor, segments: Tensor, paint: str | float = "image") -> None:
        if picture.shape[1:] != segments.shape:
            raise DataError(
                "superpixels and picture differ in size",
                got=f"{tuple(segments.shape)}",
                expected=f"{tuple(picture.shape[1:])}",
                fix="give one superpixel number for each pixel that the network sees",
            )
        self.picture, self.segments = picture, segments.to(picture.device)
        self.parts = int(segments.max()) + 1
        self.painted = self._paint(paint)

    def _paint(self, paint: str | float) -> Tensor:
        if paint == "image":
            return self.picture.mean((1, 2), keepdim=True).expand_as(self.picture)
        if paint != "superpixel":
            return torch.full_like(self.picture, float(paint))
        flat = self.segments.flatten()
        total = self.picture.new_zeros(3, self.parts).index_add_(1, flat, self.picture.flatten(1))
        mean = total / torch.bincount(flat, minlength=self.parts).to(total)
        return mean[:, flat].view_as(self.picture)

    def hide(self, present: Tensor) -> Tensor:
        """(n, d) bool masks → (n, 3, h, w) pictures."""
        shown = present.to(self.segments.device)[:, self.segments.flatten()]
        return torch.where(shown.view(-1, 1, *self.segments.shape), self.picture, self.painted)

    def batches(self, present: Tensor, size: int) -> Iterator[Tensor]:
        """The same, a batch at a time."""
        for chunk in torch.split(present, size):
            yield self.hide(chunk)


@torch.no_grad()
def explain_picture(
    features: Features,
    hider: Hider,
    options: LimeOptions | None = None,
    *,
    batch: int = 64,
    seed: int = 0,
    masks: Masks | None = None,
) -> Surrogate:
    """The weight of each superpixel for each feature.

    Parameters
    ----------
    features : (n, 3, h, w) pictures → (n, p) features; standardised, for weights in standard deviations.
    hider : the picture and its superpixels.
    masks : the masks to use; drawn from the options and the seed by default.

    Examples
    --------
    >>> import torch
    >>> picture = torch.zeros(3, 4, 4); picture[0, :, :2] = 1.0
    >>> hider = Hider(picture, torch.tensor([[0, 0, 1, 1]] * 4), paint=0.0)
    >>> red = lambda x: x[:, :1].mean((2, 3))
    >>> fit = explain_picture(red, hider, LimeOptions(samples=64, ridge=0.0))
    >>> [round(v, 3) for v in fit.coef[:, 0].abs().tolist()]
    [0.5, 0.0]
    """
    options = options or LimeOptions()
    masks = masks or half_masks(hider.parts, options.samples, seed)
    targets = torch.cat([features(x).cpu() for x in hider.batches(masks.present, batch)])
    return fit_surrogate(masks, targets, options, seed)


@dataclass(frozen=True)
class Deletion:
    """How far a feature falls (in the units of ``features``, in its direction) when superpixels are hidden."""

    top: float
    random: float
    share: float

    @property
    def gain(self) -> float:
        """How much more the chosen superpixels lower it than random ones of the same number."""
        return self.top - self.random


@torch.no_grad()
def delete_top(
    features: Features,
    hider: Hider,
    weights: Tensor,
    columns: list[int],
    signs: list[int],
    *,
    share: float = 0.2,
    draws: int = 8,
    seed: int = 0,
) -> list[Deletion]:
    """For each (column, sign): hide the superpixels with the largest sign·weight, or as many random ones.

    ``weights`` is (d, p). The pictures made here are new: none took part in the regression except by chance.
    """
    number = max(1, round(share * hider.parts))
    generator = numpy_generator(seed, "delete", hider.parts)
    rows = [torch.ones(hider.parts, dtype=torch.bool)]
    for _ in range(draws):
        rows.append(_without(hider.parts, generator.choice(hider.parts, number, replace=False).tolist()))
    for column, sign in zip(columns, signs, strict=True):
        rows.append(_without(hider.parts, (sign * weights[:, column]).topk(number).indices.tolist()))
    values = torch.cat([features(x).cpu().double() for x in hider.batches(torch.stack(rows), 64)])
    found = []
    for i, (column, sign) in enumerate(zip(columns, signs, strict=True)):
        fall = sign * (values[0, column] - values[:, column])
        found.append(Deletion(float(fall[1 + draws + i]), float(fall[1 : 1 + draws].mean()), number / hider.parts))
    return found


def _without(parts: int, absent: list[int]) -> Tensor:
    row = torch.ones(parts, dtype=torch.bool)
    row[absent] = False
    return row
