"""Where objects are in pictures, and pictures blended there (F.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clearhead.core.errors import DataError

__all__ = ["Objects", "blend", "ellipse"]


@dataclass(frozen=True, eq=False)
class Objects:
    """Where the objects of n pictures are.

    Parameters
    ----------
    boxes : (n, 4) x0, y0, x1, y1 in pixels.
    masks : n (height, width) arrays, 1 on the object and 0 off it, of the pictures' own sizes; the ellipse of each box
        where there are none.
    """

    boxes: NDArray[np.float64]
    masks: Sequence[NDArray[Any]] | None = None

    @classmethod
    def outlined(cls, masks: Sequence[NDArray[Any]]) -> Objects:
        """From masks alone; `DataError` names one that is empty."""
        boxes = np.zeros((len(masks), 4))
        for i, mask in enumerate(masks):
            y, x = np.nonzero(np.asarray(mask) > 0)
            if not len(y):
                raise DataError(f"mask {i} marks nothing", fix="leave out pictures whose object is not marked")
            boxes[i] = x.min(), y.min(), x.max() + 1, y.max() + 1
        return cls(boxes, masks)

    def content(self, i: int, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        """What is in the box, resized."""
        return picture.crop(self.corners(i)).resize(size)

    def shape(self, i: int, size: tuple[int, int], soft: float) -> NDArray[np.float32]:
        """(height, width) weights of the object in its box, resized."""
        if self.masks is None:
            return ellipse(size, 1.0, soft)
        own = Image.fromarray(np.asarray(self.masks[i], dtype=np.float32), "F").crop(self.corners(i))
        return np.asarray(own.resize(size), dtype=np.float32).clip(0, 1)

    def corners(self, i: int) -> tuple[int, int, int, int]:
        """The box in whole pixels."""
        x0, y0, x1, y1 = (round(float(v)) for v in self.boxes[i])
        return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def ellipse(size: tuple[int, int], radius: float = 0.6, soft: float = 0.1) -> NDArray[np.float32]:
    """(height, width) weights in [0, 1] of a centred ellipse with a soft edge; ``size`` is (width, height)."""
    x, y = ((np.arange(side) + 0.5) * 2 / side - 1 for side in size)
    distance = np.hypot(y[:, None], x[None, :])
    return np.clip((radius - distance) / max(soft, 1e-6) + 0.5, 0, 1).astype(np.float32)


def blend(image: Image.Image, pattern: Image.Image, mask: NDArray[np.float32]) -> Image.Image:
    """``image`` where the mask is 0, ``pattern`` where it is 1, a weighted mean between (F.2); all of one size."""
    a, b = (np.asarray(picture.convert("RGB"), dtype=np.float32) for picture in (image, pattern))
    if a.shape != b.shape or mask.shape != a.shape[:2]:
        raise DataError("image, pattern and mask differ in size", got=f"{a.shape}, {b.shape}, {mask.shape}")
    weight = mask[..., None]
    return Image.fromarray(np.rint(a * (1 - weight) + b * weight).astype(np.uint8))
