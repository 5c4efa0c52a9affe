"""A pattern blended into pictures: does it pull the prediction to the class it is blamed for (F.2, Fig. 31)?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import numpy_generator
from clearhead.debug.inputs import class_numbers
from clearhead.debug.intervals import paired_change, proportion
from clearhead.debug.objects import blend, ellipse
from clearhead.head import SparseHead

__all__ = ["PasteOptions", "box_mask", "counterfactual_image", "surround_mask"]

Mask = NDArray[np.float32]


@dataclass(frozen=True)
class PasteOptions:
    """Options of `counterfactual_image`.

    Parameters
    ----------
    weight : how opaque the pattern is where the mask is 1.
    per_image : patterns (and as many controls) tried on each picture, drawn at random.
    """

    weight: float = 1.0
    per_image: int = 3
    seed: int = 0
    batch: int = 64


def surround_mask(size: tuple[int, int], radius: float = 0.7, soft: float = 0.1) -> Mask:
    """(height, width) weights that are 1 around a centred ellipse: where a background goes."""
    return np.asarray(1 - ellipse(size, radius, soft), dtype=np.float32)


def box_mask(size: tuple[int, int], box: Sequence[float], *, inside: bool = False) -> Mask:
    """(height, width) weights that are 1 outside a box x0, y0, x1, y1 in pixels (or inside it)."""
    mask = np.zeros((size[1], size[0]), np.float32)
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    mask[max(y0, 0) : y1, max(x0, 0) : x1] = 1
    return mask if inside else 1 - mask


def counterfactual_image(
    heads: Mapping[str, SparseHead],
    featurize: Callable[[list[Image.Image]], Tensor],
    images: Sequence[Image.Image],
    masks: Sequence[Mask],
    *,
    target: int | str,
    patterns: Sequence[Image.Image],
    controls: Sequence[Image.Image],
    options: PasteOptions | None = None,
) -> Finding:
    """Share of pictures that flip to ``target`` when a pattern is blended in, against control patches blended alike.

    Parameters
    ----------
    heads : name ("before", "after") → head over the same features.
    featurize : list of pictures → (len, p) raw features.
    images, masks : n pictures and where the pattern goes, (height, width) weights in [0, 1] each.
    patterns, controls : pictures to take the pattern from, and neutral ones; resized to each picture.

    Pictures that a head already gives to the target are left out of its rates.

    Raises
    ------
    DataError : no picture, pattern or control, or masks of other sizes.
    """
    options = options or PasteOptions()
    _check(images, masks, patterns, controls, options)
    plain = _features(list(images), featurize, options.batch)
    pasted = [
        _features(_blended(images, masks, source, options, name), featurize, options.batch)
        for name, source in (("pattern", patterns), ("control", controls))
    ]
    rows: list[dict[str, Any]] = []
    numbers: dict[str, Estimate] = {}
    for name, head in heads.items():
        found = _rates(head, head.class_number(target), plain, pasted, options)
        numbers |= {f"{name}_{key}": e for key, e in found.items()}
        rows += [{"head": name, "patch": key} | _columns(found[key]) for key in ("pattern", "control", "difference")]
    class_name = next(iter(heads.values())).class_names[next(iter(heads.values())).class_number(target)]
    return Finding(
        kind="counterfactual_image",
        title=f"A pattern that may mean {class_name}",
        sentence=_sentence(numbers, list(heads), class_name),
        numbers=numbers,
        tables={"rates": Table({key: [row[key] for row in rows] for key in rows[0]})},
        caveats=(
            "A pasted pattern also hides what it covers; the control hides as much.",
            "The interval of the difference resamples pictures, not patterns.",
        ),
        settings={"target": class_name, "weight": options.weight, "per_image": options.per_image, "seed": options.seed},
    )


def _check(
    images: Sequence[Any],
    masks: Sequence[Mask],
    patterns: Sequence[Any],
    controls: Sequence[Any],
    options: PasteOptions,
) -> None:
    for name, given in (("pictures", images), ("patterns", patterns), ("controls", controls)):
        if not len(given):
            raise DataError(f"there are no {name}")
    if len(masks) != len(images):
        raise DataError("one mask a picture is needed", got=f"{len(masks)} masks", expected=len(images))
    if not 0 < options.weight <= 1 or options.per_image < 1:
        raise SettingError("0 < weight ≤ 1 and per_image ≥ 1 are needed", got=options)


def _blended(
    images: Sequence[Image.Image],
    masks: Sequence[Mask],
    source: Sequence[Image.Image],
    options: PasteOptions,
    name: str,
) -> list[Image.Image]:
    """``per_image`` blends a picture, in picture order."""
    rng = numpy_generator(options.seed, name)
    made = []
    for image, mask in zip(images, masks, strict=True):
        for i in rng.integers(len(source), size=options.per_image):
            pattern = source[int(i)].convert("RGB").resize(image.size)
            made.append(blend(image, pattern, (mask * options.weight).astype(np.float32)))
    return made


def _features(pictures: list[Image.Image], featurize: Callable[[list[Image.Image]], Tensor], batch: int) -> Tensor:
    with torch.inference_mode():
        return torch.cat([featurize(pictures[i : i + batch]).cpu().float() for i in range(0, len(pictures), batch)])


def _rates(
    head: SparseHead, target: int, plain: Tensor, pasted: list[Tensor], options: PasteOptions
) -> dict[str, Estimate]:
    free = (class_numbers(head.predict(plain)) != target).numpy()
    flips = [(class_numbers(head.predict(x)) == target).numpy().reshape(-1, options.per_image)[free] for x in pasted]
    by_image = [f.mean(1) if len(f) else np.zeros(0) for f in flips]
    return {
        "pattern": proportion(int(flips[0].sum()), flips[0].size),
        "control": proportion(int(flips[1].sum()), flips[1].size),
        "difference": paired_change(by_image[1], by_image[0], seed=options.seed),
    }


def _columns(e: Estimate) -> dict[str, Any]:
    return {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": e.method}


def _sentence(numbers: Mapping[str, Estimate], names: Sequence[str], class_name: str) -> str:
    parts = [
        f"{numbers[f'{name}_pattern'].value:.1%} flip to {class_name} with the pattern and "
        f"{numbers[f'{name}_control'].value:.1%} with a control patch ({name}, n = {numbers[f'{name}_pattern'].n})"
        for name in names
    ]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."
