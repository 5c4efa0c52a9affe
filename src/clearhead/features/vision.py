"""Image preprocessing without torchvision, bit for bit the same: resize, centre crop, scale, normalise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "EachImage", "ImagePreprocess", "fastest"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FILTERS = {name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos", "box")}


@dataclass(frozen=True)
class ImagePreprocess:
    """A list of RGB images → float32 (n, 3, crop, crop): (pixel/255 − mean)/std.

    ``resize`` is the length that the short side gets (None: no resizing); ``crop`` the side of the central square
    (None: the whole, which must then be of one size). An image smaller than ``crop`` is padded with black.

    Examples
    --------
    >>> ImagePreprocess(resize=8, crop=8)([Image.new("RGB", (20, 10), "white")]).shape
    torch.Size([1, 3, 8, 8])
    """

    resize: int | None = 256
    crop: int | None = 224
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    interpolation: str = "bilinear"

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        return self.channels_last(images).contiguous()

    def channels_last(self, images: Sequence[Image.Image]) -> Tensor:
        """The same numbers and shape, laid out in memory as images are and as fast convolutions read them."""
        shaped = [np.asarray(self.shape(_rgb(image))) for image in images]
        n, (height, width, _) = len(shaped), shaped[0].shape
        mean, std = (np.tile(np.asarray(values, np.float32), width) for values in (self.mean, self.std))
        # Whole lines of pixels: broadcasting over three channels is ten times as slow. NumPy keeps to this thread.
        lines = np.empty((n, height, width * 3), np.float32)
        for line, pixels in zip(lines, shaped, strict=True):
            np.divide(pixels.reshape(height, -1), np.float32(255), out=line)
            line -= mean
            line /= std
        return torch.from_numpy(lines).view(n, height, width, 3).permute(0, 3, 1, 2)

    def shape(self, image: Image.Image) -> Image.Image:
        """The image resized and cropped, as pixels: what the network sees, for drawing and for masking."""
        if self.resize is not None:
            short, long = sorted(image.size)
            if short != self.resize:
                other = int(self.resize * long / short)
                size = (self.resize, other) if image.width <= image.height else (other, self.resize)
                image = image.resize(size, _FILTERS[self.interpolation])
        return image if self.crop is None else _centre(image, self.crop)


@dataclass(frozen=True)
class EachImage:
    """A preprocessing from a transform of one image (torchvision's, timm's) to a tensor: applied to each, stacked."""

    transform: Callable[[Image.Image], Any]

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        return torch.stack([self.transform(_rgb(image)) for image in images])


def fastest(preprocess: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    """The same preprocessing into the memory layout that it makes soonest; not every network takes that layout."""
    return preprocess.channels_last if isinstance(preprocess, ImagePreprocess) else preprocess


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _centre(image: Image.Image, crop: int) -> Image.Image:
    width, height = image.size
    if width == height == crop:
        return image
    if width < crop or height < crop:
        left, top = (max(crop - side, 0) // 2 for side in (width, height))
        canvas = Image.new("RGB", (max(width, crop), max(height, crop)))
        canvas.paste(image, (left, top))
        image, (width, height) = canvas, canvas.size
    left, top = round((width - crop) / 2.0), round((height - crop) / 2.0)
    return image.crop((left, top, left + crop, top + crop))
