"""Pictures whose middle and surroundings come from different examples: what tells an object from where it stands.

In ordinary data object and surroundings go together, so a feature of either predicts the label. Put the middle of one
picture into the surroundings of another, drawn independently, and the two come apart: a feature that follows the
picture behind is a feature of the surroundings. Nothing but images and labels is needed. The middle is a centred
ellipse, an assumption to state with every result, or the object's box or outline where boxes or masks are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import numpy_generator
from clearhead.debug.inputs import class_numbers
from clearhead.debug.objects import Objects, blend, ellipse

__all__ = ["Swap", "Swapped", "swap_surroundings"]

Featurize = Callable[[list[Image.Image]], Tensor]


@dataclass(frozen=True)
class Swap:
    """How pictures are recombined.

    Parameters
    ----------
    radius : half-axes of the ellipse that is kept, as a share of the picture's half-sides: each picture draws its own
        from this range, because how large the objects are is not known (with boxes the ellipse is the box's).
    soft : width of its blurred edge, in the same unit.
    count : how many pictures are made; every example is used equally often in front and behind.
    seed, batch : which are drawn, and how many are featurised at once.
    """

    radius: tuple[float, float] = (0.55, 0.8)
    soft: float = 0.1
    count: int = 3000
    seed: int = 0
    batch: int = 64


@dataclass(frozen=True, eq=False)
class Swapped:
    """Raw features (m, p) of recombined pictures, the class of the middle (m,) and of the surroundings (m,).

    ``middle_row`` and ``behind_row`` (m,) say which examples they came from.
    """

    features: Tensor
    middle: Tensor
    behind: Tensor
    middle_row: Tensor
    behind_row: Tensor
    settings: Swap


def swap_surroundings(
    images: Sequence[Image.Image],
    labels: Any,
    featurize: Featurize,
    *,
    objects: Objects | None = None,
    swap: Swap | None = None,
    progress: Progress | None = None,
) -> Swapped:
    """Features of pictures whose surroundings come from another example, chosen independently of the label.

    Parameters
    ----------
    images, labels : n pictures (any sequence that yields PIL images) and their classes (n,).
    featurize : list of pictures → (len, p) raw features, for instance
        ``lambda pictures: backbone.features(backbone.preprocess(pictures))``.
    objects : boxes or masks of the objects, if known; the middle is then the object instead of the picture's ellipse.

    Examples
    --------
    ``swapped = swap_surroundings(examples, examples.labels, featurize)``
    """
    swap, progress = swap or Swap(), progress or Silent()
    target = class_numbers(labels)
    _check(images, target, objects, swap)
    rng = numpy_generator(swap.seed, "surroundings")
    pairs = [_pairs(len(target), rng) for _ in range(-(-swap.count // len(target)))]
    middle, behind = (np.concatenate(part)[: swap.count] for part in zip(*pairs, strict=True))
    radius = rng.uniform(*swap.radius, len(middle))
    progress.start("recombined pictures", len(middle))
    parts = []
    for rows in _batches(len(middle), swap.batch):
        pictures = [
            _in_place(images, int(middle[i]), int(behind[i]), objects, swap.soft)
            if objects is not None
            else _in_middle(images, int(middle[i]), int(behind[i]), float(radius[i]), swap.soft)
            for i in rows
        ]
        with torch.inference_mode():
            parts.append(featurize(pictures).detach().cpu().float())
        progress.advance(len(pictures))
    progress.finish()
    front, back = torch.from_numpy(middle), torch.from_numpy(behind)
    return Swapped(torch.cat(parts), target[front], target[back], front, back, swap)


def _check(images: Sequence[Image.Image], target: Tensor, objects: Objects | None, swap: Swap) -> None:
    if len(images) != len(target):
        raise DataError("one label an image is needed", got=f"{len(target)} labels", expected=f"{len(images)}")
    if int(target.min()) == int(target.max()):
        raise DataError("surroundings can be exchanged only between classes", got="one class in the labels")
    if not 0 < swap.radius[0] <= swap.radius[1] <= 1.4 or swap.count < 1:
        raise SettingError("radius must be a range within (0, 1.4], count at least 1", got=swap)
    if objects is not None and np.shape(objects.boxes) != (len(target), 4):
        raise DataError("boxes must be x0, y0, x1, y1 a row", got=f"shape {np.shape(objects.boxes)}")


def _pairs(n: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every example once in front and once behind, never with itself: neighbours in one random circle, shuffled."""
    circle, order = rng.permutation(n), rng.permutation(n)
    return circle[order], np.roll(circle, 1)[order]


def _batches(n: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, n)) for start in range(0, n, size))


def _in_middle(images: Sequence[Image.Image], front: int, back: int, radius: float, soft: float) -> Image.Image:
    behind = images[back].convert("RGB")
    before = images[front].convert("RGB").resize(behind.size)
    return blend(behind, before, ellipse(behind.size, radius, soft))


def _in_place(images: Sequence[Image.Image], front: int, back: int, objects: Objects, soft: float) -> Image.Image:
    """The object of one picture over the object of the other, in its box; nothing of the other's outline stays."""
    behind = images[back].convert("RGB")
    x0, y0, x1, y1 = objects.corners(back)
    size = (x1 - x0, y1 - y0)
    before, mask = behind.copy(), Image.new("F", behind.size, 0.0)
    before.paste(objects.content(front, images[front].convert("RGB"), size), (x0, y0))
    outline = np.maximum(objects.shape(front, size, soft), objects.shape(back, size, soft))
    mask.paste(Image.fromarray(outline), (x0, y0))
    return blend(behind, before, np.asarray(mask))
