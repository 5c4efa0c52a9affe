"""A network for images seen through pictures in [0, 1], whatever its own preprocessing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from clearhead.core.errors import ModelError
from clearhead.features.backbone import Backbone

__all__ = ["PictureView"]

GRAYS = (0, 255, 128)


@dataclass(frozen=True, eq=False)
class PictureView:
    """What the network sees of an image, as a picture that a person sees too.

    Preprocessing ends in an affine map of each colour (subtract a mean, divide by a deviation). Black, white and grey
    images sent through it reveal that map, so pictures can be segmented, masked and synthesised in [0, 1] at the
    network's own resolution, and nothing needs to be known about the preprocessing.
    """

    backbone: Backbone
    size: tuple[int, int]
    black: Tensor
    span: Tensor

    @classmethod
    def of(cls, backbone: Backbone, image: Image.Image) -> PictureView:
        """The view of a network at the size that it gives to images like this one.

        Raises `ModelError` where the preprocessing is no map of single pixels' colours (edge filters, random crops).
        """
        black, white, gray = (_pixels(_send(backbone, image.size, value))[0] for value in GRAYS)
        h, w = black.shape[1:]
        # The middle pixel: around it there may be padding, which is not the image's colour.
        low, high, middle = (x[:, h // 2, w // 2].float().cpu() for x in (black, white, gray))
        wanted = low + (high - low) * GRAYS[2] / 255
        span = (high - low).abs().min()
        if len(low) != 3 or span <= 0 or float((middle - wanted).abs().max()) > 0.02 * float(span):
            raise ModelError(
                "the preprocessing is not an affine map of each pixel's colour",
                got=f"{len(low)} channels; black became {low.tolist()}, grey {middle.tolist()}, white {high.tolist()}",
                expected="three channels, with grey halfway between black and white",
                fix="use a preprocessing that resizes, crops and normalises RGB images",
            )
        return cls(backbone, (int(h), int(w)), low, high - low)

    def picture(self, image: Image.Image, size: tuple[int, int] | None = None) -> Tensor:
        """(3, h, w) in [0, 1]: the image as the network sees it, resampled to ``size`` if one is given."""
        pixels = _pixels(self.backbone.preprocess([image])).float().cpu()
        picture = ((pixels - self._low(pixels)) / self._span(pixels)).clamp(0.0, 1.0)
        if size is not None and tuple(picture.shape[2:]) != size:
            picture = interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)
        return picture[0]

    def features(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) pictures in [0, 1] → (n, p) deep features; differentiable."""
        pictures = pictures.to(self.backbone.device)
        return self.backbone.features(pictures * self._span(pictures) + self._low(pictures))

    def _low(self, like: Tensor) -> Tensor:
        return self.black.to(like)[:, None, None]

    def _span(self, like: Tensor) -> Tensor:
        return self.span.to(like)[:, None, None]


def _send(backbone: Backbone, size: tuple[int, int], value: int) -> Any:
    return backbone.preprocess([Image.new("RGB", size, (value,) * 3)])


def _pixels(inputs: Any) -> Tensor:
    """The image tensor (n, 3, h, w) of what a preprocessing returns: the tensor itself or a mapping that holds it."""
    found = inputs.get("pixel_values") if isinstance(inputs, Mapping) else inputs
    if not isinstance(found, Tensor) or found.ndim != 4:
        raise ModelError(
            "the preprocessing returns no batch of images",
            got=type(inputs).__name__ if not isinstance(found, Tensor) else f"shape {tuple(found.shape)}",
            expected="a tensor (n, 3, h, w), or a mapping with one under 'pixel_values'",
        )
    return found
