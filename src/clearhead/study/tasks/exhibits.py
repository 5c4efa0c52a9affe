"""What can be shown of rows and features: pictures, words, sentences."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clearhead.core.errors import DataError
from clearhead.study.tasks.model import Shown

__all__ = ["Exhibits", "encode"]

LOSSLESS_SIDE = 160  # up to this many pixels a PNG is small; above, JPEG


@dataclass(frozen=True)
class Exhibits:
    """Where the pictures and words of a study come from.

    Parameters
    ----------
    image : row number → picture (path, bytes, PIL image or uint8 array); None for text data.
    texts : one sentence a row; None for image data.
    feature_pictures : feature → pictures (visualisations, word clouds, or its most activating images).
    feature_words : feature → (word, weight) pairs, heaviest first.
    feature_texts : feature → sentences that activate it.
    words_shown : how many of those words a page shows.
    """

    image: Callable[[int], Any] | None = None
    texts: Sequence[str] | None = None
    feature_pictures: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    feature_words: Mapping[int, Sequence[tuple[str, float]]] = field(default_factory=dict)
    feature_texts: Mapping[int, Sequence[str]] = field(default_factory=dict)
    words_shown: int = 20

    def rows(self, index: Sequence[int], label: str = "") -> Shown:
        """These rows, as one thing on the page."""
        if self.texts is not None:
            return Shown(texts=tuple(str(self.texts[int(i)]) for i in index), label=label)
        return Shown(media=tuple(f"row/{int(i)}" for i in index), label=label)

    def feature(self, j: int, importance: int | None = None) -> Shown:
        """One feature; nothing in it if neither pictures, words nor sentences are known."""
        pictures = self.feature_pictures.get(j, ())
        words = tuple((str(w), round(float(x), 4)) for w, x in list(self.feature_words.get(j, ()))[: self.words_shown])
        media, texts = tuple(f"feature/{j}/{k}" for k in range(len(pictures))), tuple(self.feature_texts.get(j, ()))
        return Shown(media=media, words=words, texts=texts, importance=importance)

    def showable(self, j: int) -> bool:
        """Whether a page could show this feature."""
        return any(known.get(j) for known in (self.feature_pictures, self.feature_words, self.feature_texts))

    def picture(self, source: str) -> Any:
        """The picture that a source name from `rows` or `feature` stands for."""
        place, *numbers = source.split("/")
        if place == "feature":
            return self.feature_pictures[int(numbers[0])][int(numbers[1])]
        if self.image is None:
            raise DataError("this study shows images of rows, and none were given", fix="pass Exhibits(image=…)")
        return self.image(int(numbers[0]))


def encode(picture: Any, max_side: int = 512) -> tuple[bytes, str]:
    """A picture as bytes and a file ending, re-encoded so that no file name, EXIF or profile travels with it."""
    from PIL import Image

    if isinstance(picture, np.ndarray):
        image = Image.fromarray(np.ascontiguousarray(picture))
    elif isinstance(picture, Image.Image):
        image = picture
    elif isinstance(picture, bytes):
        image = Image.open(io.BytesIO(picture))
    elif isinstance(picture, str | Path):
        image = Image.open(picture)
    else:
        raise DataError(
            "cannot show this as a picture", got=type(picture).__name__, expected="path, bytes, image, array"
        )
    image = image.convert("RGB")
    image.thumbnail((max_side, max_side))
    clean = Image.frombytes("RGB", image.size, image.tobytes())
    buffer = io.BytesIO()
    if max(clean.size) <= LOSSLESS_SIDE:
        clean.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), "png"
    clean.save(buffer, "JPEG", quality=92)
    return buffer.getvalue(), "jpg"
