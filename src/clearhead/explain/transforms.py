"""Random views of pictures while they are optimised: jitter, scale, rotation, padding, drawn for each picture alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clearhead.core.seeds import torch_generator

__all__ = ["AugmentOptions", "draw_views", "view"]

GRAY = 0.5


@dataclass(frozen=True)
class AugmentOptions:
    """How far a view may stray, so that a visualisation does not hang on single pixels (Olah et al. 2017).

    Parameters
    ----------
    jitter : largest shift in each direction, as a share of the side; what is shifted in is mid-grey padding.
    scale : views are magnified by a factor from 1/scale to scale.
    degrees : largest rotation.
    """

    jitter: float = 1 / 16
    scale: float = 1.1
    degrees: float = 10.0

    @classmethod
    def none(cls) -> AugmentOptions:
        """No augmentation: every view is the picture itself."""
        return cls(jitter=0.0, scale=1.0, degrees=0.0)

    @property
    def active(self) -> bool:
        """Whether a view can differ from the picture."""
        return self.jitter > 0 or self.scale != 1.0 or self.degrees > 0


def draw_views(seeds: Sequence[int], steps: int, options: AugmentOptions) -> Tensor:
    """(pictures, steps, 2, 3) affine matrices: each picture's own draw, the same whatever batch it is in."""
    drawn = torch.stack([torch.rand(steps, 4, generator=torch_generator(seed, "views")) for seed in seeds])
    unit = 2 * drawn - 1
    # grid_sample's coordinates run over [-1, 1], so a share of the side counts double.
    shift = 2 * options.jitter * unit[..., :2]
    zoom = torch.exp(-math.log(options.scale) * unit[..., 2])
    angle = math.radians(options.degrees) * unit[..., 3]
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    rows = [torch.stack([cos, -sin, shift[..., 0]], -1), torch.stack([sin, cos, shift[..., 1]], -1)]
    return torch.stack(rows, -2)


def view(pictures: Tensor, matrices: Tensor) -> Tensor:
    """Resample (n, 3, h, w) pictures in [0, 1] by (n, 2, 3) affine matrices, padded with mid-grey."""
    matrices = matrices.to(pictures)
    h, w = pictures.shape[-2:]
    # Rotation in normalised coordinates would shear pictures that are not square.
    aspect = torch.tensor([[1.0, h / w], [w / h, 1.0]]).to(pictures)
    linear = matrices[:, :, :2] * aspect
    grid = F.affine_grid(
        torch.cat([linear, matrices[:, :, 2:]], 2), [len(pictures), pictures.shape[1], h, w], align_corners=False
    )
    return F.grid_sample(pictures - GRAY, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + GRAY
