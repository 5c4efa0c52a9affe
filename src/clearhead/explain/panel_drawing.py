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
    kinds = list(dict.fromkeys(kind for cell in cells for kind in cell.pictures)) or [""]
    most = max([len(samples), *(sum(cell.head == head for cell in cells) for head in heads)])
    row = LINE * 2 + len(kinds) * (SIDE + GAP)
    height = LINE * 2 + (SIDE + GAP if samples else 0) + len(heads) * row
    page = Image.new("RGB", (GAP + most * (SIDE + GAP), height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    draw.text((GAP, 4), class_name, fill="black", font=font)
    top = LINE * 2
    for i, sample in enumerate(samples):
        _place(page, sample, GAP + i * (SIDE + GAP), top)
    top += SIDE + GAP if samples else 0
    for head in heads:
        draw.text((GAP, top), head, fill="#444444", font=font)
        for i, cell in enumerate([c for c in cells if c.head == head]):
            left = GAP + i * (SIDE + GAP)
            draw.text((left, top + LINE), _fitted(cell.title, font), fill="black", font=font)
            for k, kind in enumerate(kinds):
                if kind in cell.pictures:
                    with Image.open(cell.pictures[kind]) as picture:
                        _place(page, picture.convert("RGB"), left, top + 2 * LINE + k * (SIDE + GAP))
        top += row
    return np.array(page)


def _place(page: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    ratio = SIDE / max(picture.size)
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    page.paste(picture.resize(size, Image.Resampling.LANCZOS), (left, top))


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, shortened in the middle until it fits over its picture; the weight at its end stays."""
    head, _, tail = text.rpartition("  ")
    while head and font.getlength(f"{head}…  {tail}") > SIDE:
        head = head[:-1]
    return text if font.getlength(text) <= SIDE else f"{head}…  {tail}"
