"""Drawing: tensors to PNG, superpixels over a picture, tiles in a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import atomic_path

__all__ = ["Bytes", "enlarge", "overlay", "save_png", "strip", "to_bytes"]

Bytes = NDArray[np.uint8]
SUPPORT, OPPOSE = (11, 83, 148), (214, 96, 0)
GAP = 6


def to_bytes(picture: Tensor) -> Bytes:
    """(3, h, w) in [0, 1] → (h, w, 3) uint8, rounded."""
    array: Bytes = (picture.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return array


def enlarge(picture: Bytes, side: int = 160) -> Bytes:
    """Whole-number magnification of a small picture until its short side has ``side`` pixels or nearly so."""
    factor = max(1, side // min(picture.shape[:2]))
    return picture.repeat(factor, 0).repeat(factor, 1)


def overlay(picture: Tensor, segments: NDArray[np.integer], weights: NDArray[np.floating], least: float = 0.2) -> Bytes:
    """The picture with supporting superpixels in full colour, framed blue, opposing ones orange, the rest faded.

    ``weights`` (d,) are positive where a superpixel supports; those under ``least`` of the largest magnitude are left
    faded, and so is everything if no weight differs from zero.
    """
    image = enlarge(to_bytes(picture)).astype(float)
    labels = enlarge(segments.astype(np.int64)[..., None].astype(np.uint16))[..., 0].astype(np.int64)
    if labels.shape != image.shape[:2]:
        raise ValueError("superpixels and picture must be of one size")
    largest = float(np.abs(weights).max(initial=0.0))
    relative = (weights / largest if largest > 0 else np.zeros_like(weights))[labels]
    gray = image.mean(2, keepdims=True).repeat(3, 2)
    shown = 0.35 * gray + 0.65 * 255
    shown = np.where((relative >= least)[..., None], image, shown)
    against = (relative <= -least)[..., None]
    shown = np.where(against, 0.5 * gray + 0.5 * np.array(OPPOSE), shown)
    for region, colour in ((relative >= least, SUPPORT), (relative <= -least, OPPOSE)):
        shown[_frame(region)] = colour
    return shown.round().astype(np.uint8)


def _frame(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a region that touch another, two pixels deep."""
    inner = region
    for _ in range(2):
        padded = np.pad(inner, 1, mode="edge")
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return region & ~inner


def strip(tiles: Sequence[Bytes]) -> Bytes:
    """Tiles of one height beside each other on white."""
    height = max(tile.shape[0] for tile in tiles)
    parts: list[Bytes] = []
    for tile in tiles:
        below = height - tile.shape[0]
        parts += [
            np.pad(tile, ((0, below), (0, 0), (0, 0)), constant_values=255),
            np.full((height, GAP, 3), 255, np.uint8),
        ]
    return np.concatenate(parts[:-1], 1)


def save_png(path: Path, picture: Bytes) -> None:
    """Write a PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
