"""Cutting a picture into superpixels, cached by the picture's content; a user's own masks pass through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from clearhead.core.artifacts import content_key, read_tensors, write_tensors
from clearhead.core.errors import DataError, MissingExtraError, SettingError

__all__ = ["SegmentOptions", "segment"]

Picture = NDArray[np.floating]
Labels = NDArray[np.int64]
# Below this many pixels a superpixel shows nothing that a person could name.
SMALLEST = 16


@dataclass(frozen=True)
class SegmentOptions:
    """How superpixels are made.

    Parameters
    ----------
    method : "slic", "quickshift" (both scikit-image) or "grid" (squares, no dependency).
    count : superpixels aimed at; small pictures get fewer, so that none is under 16 pixels on average.
    compactness : SLIC's weight of nearness against colour.
    """

    method: str = "slic"
    count: int = 50
    compactness: float = 10.0

    def __post_init__(self) -> None:
        if self.method not in METHODS or self.count < 1:
            raise SettingError(
                "no superpixels can be made this way",
                got=f"method={self.method!r}, count={self.count}",
                expected=f"one of {', '.join(METHODS)} and a positive count",
            )


def segment(picture: Picture, options: SegmentOptions | None = None, *, cache: Path | None = None) -> Labels:
    """Superpixel number of every pixel, 0 to d−1 without gaps.

    Parameters
    ----------
    picture : (h, w, 3) in [0, 1].
    cache : folder where results are kept under a key of picture and settings.

    Examples
    --------
    >>> import numpy as np
    >>> segment(np.zeros((8, 8, 3)), SegmentOptions("grid", 4)).tolist()[0]
    [0, 0, 0, 0, 1, 1, 1, 1]
    """
    options = options or SegmentOptions()
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape) == 0:
        raise DataError("a picture must have three colours", got=f"shape {picture.shape}", expected="(h, w, 3)")
    path = cache / f"{content_key(picture, vars(options))}.safetensors" if cache else None
    if path is not None and path.is_file():
        stored: Labels = read_tensors(path)["segments"].numpy()
        return stored
    labels = contiguous(METHODS[options.method](picture, options))
    if labels.max() == 0:
        # A flat picture has no edges to follow; squares still say where the feature looks.
        labels = contiguous(_grid(picture, options))
    if path is not None:
        write_tensors(path, {"segments": torch.from_numpy(labels)})
    return labels


def contiguous(labels: NDArray[np.integer]) -> Labels:
    """The same partition, numbered 0 to d−1 in the order of the numbers given; booleans and gaps are welcome."""
    if labels.ndim != 2:
        raise DataError("superpixels must be one number a pixel", got=f"shape {labels.shape}", expected="(h, w)")
    numbers: Labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)
    return numbers


def _count(picture: Picture, options: SegmentOptions) -> int:
    return int(np.clip(picture.shape[0] * picture.shape[1] // SMALLEST, 1, options.count))


def _slic(picture: Picture, options: SegmentOptions) -> Labels:
    slic = _scikit_image("slic")
    count = _count(picture, options)
    return slic(picture, n_segments=count, compactness=options.compactness, start_label=0, channel_axis=-1)


def _quickshift(picture: Picture, options: SegmentOptions) -> Labels:
    quickshift = _scikit_image("quickshift")
    # The kernel's width sets the size of the pieces; this one yields about the count asked for on photographs.
    kernel = max(1.0, (picture.shape[0] * picture.shape[1] / _count(picture, options)) ** 0.5 / 8)
    return quickshift(picture, kernel_size=kernel, max_dist=12 * kernel, ratio=0.5, rng=0, channel_axis=-1)


def _grid(picture: Picture, options: SegmentOptions) -> Labels:
    h, w = picture.shape[:2]
    side = (h * w / _count(picture, options)) ** 0.5
    rows, columns = max(1, round(h / side)), max(1, round(w / side))
    numbers: Labels = (np.arange(h) * rows // h)[:, None] * columns + (np.arange(w) * columns // w)[None]
    return numbers


METHODS: dict[str, Callable[[Picture, SegmentOptions], Labels]] = {
    "slic": _slic,
    "quickshift": _quickshift,
    "grid": _grid,
}


def _scikit_image(name: str) -> Callable[..., Labels]:
    try:
        from skimage import segmentation
    except ImportError as error:
        raise MissingExtraError("scikit-image", "lime") from error
    method: Callable[..., Labels] = getattr(segmentation, name)
    return method
