"""The picture of a panel: samples of the class above, one row a head below, one column a feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clearhead.explain.pictures import Bytes

__all__ = ["Cell", "draw_panel"]

SIDE, GAP, LINE = 150, 10, 18


@dataclass(frozen=True)
class Cell:
    """One feature: the head it belongs to, a line above it, and kind → picture file."""

    head: str
    title: str
    pictures: Mapping[str, Path]


def draw_panel(class_name: str, samples: Sequence[Image.Image], cells: Sequence[Cell]) -> Bytes:
    """(h, w, 3) uint8; a feature without pictures keeps its line and an empty place."""
    heads = list(dict.fromkeys(cell.head for cell in cells))
    kinds = list(dict.fromkeys(kind for cell in cells for kind in cell.pictures))
    drawn = [{kind: _opened(path) for kind, path in cell.pictures.items()} for cell in cells]
    high = {kind: max(pictures[kind].height for pictures in drawn if kind in pictures) for kind in kinds}
    row = 3 * LINE + sum(high.values()) + GAP * len(kinds)
    most = max([1, len(samples), *(sum(cell.head == head for cell in cells) for head in heads)])
    thumbs = [_scaled(sample) for sample in samples]
    first = 2 * LINE + (SIDE + GAP if samples else 0)
    page = Image.new("RGB", (GAP + most * (SIDE + GAP), first + len(heads) * row), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    draw.text((GAP, 4), class_name, fill="black", font=font)
    for i, thumb in enumerate(thumbs):
        page.paste(thumb, (_left(i), 2 * LINE))
    for n, head in enumerate(heads):
        top = first + n * row
        draw.text((GAP, top), head, fill="#444444", font=font)
        members = [(cell, pictures) for cell, pictures in zip(cells, drawn, strict=True) if cell.head == head]
        for i, (cell, pictures) in enumerate(members):
            draw.text((_left(i), top + LINE), _fitted(cell.title, font), fill="black", font=font)
            below = top + 2 * LINE
            for kind in kinds:
                if kind in pictures:
                    page.paste(pictures[kind], (_left(i), below))
                below += high[kind] + GAP
    return np.array(page)


def _left(i: int) -> int:
    return GAP + i * (SIDE + GAP)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return _scaled(picture.convert("RGB"))


def _scaled(picture: Image.Image) -> Image.Image:
    ratio = SIDE / max(picture.size)
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, shortened in the middle until it fits over its picture; the weight at its end stays."""
    head, _, tail = text.rpartition("  ")
    while head and font.getlength(f"{head}…  {tail}") > SIDE:
        head = head[:-1]
    return text if font.getlength(text) <= SIDE else f"{head}…  {tail}"
