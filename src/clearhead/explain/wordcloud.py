"""Clouds of words sized by weight (the `wordcloud` package, as in the paper), one colour a sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clearhead.core.artifacts import atomic_path
from clearhead.core.errors import DataError, MissingExtraError

__all__ = ["CloudOptions", "draw_cloud", "listed_in", "redacted"]

# Blue raises, orange lowers; both are at least 4.5:1 on white and apart for every kind of colour vision.
COLOURS = {1: "#0b5394", -1: "#a84300"}


@dataclass(frozen=True)
class CloudOptions:
    """Size in pixels, and what to do with words that should not be shown.

    ``redact`` says whether a word is shown as its first letter and dots (offensive text).
    """

    width: int = 480
    height: int = 320
    redact: Callable[[str], bool] | None = None
    seed: int = 0


def redacted(word: str, redact: Callable[[str], bool] | None) -> str:
    """The word, or its first letter and dots.

    >>> redacted("blasted", lambda word: word == "blasted")
    'b······'
    """
    return word[0] + "·" * (len(word) - 1) if redact is not None and redact(word) else word


def listed_in(path: Path) -> Callable[[str], bool]:
    """Whether a word stands in a file of one word a line, whatever its case: for `CloudOptions.redact`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable list of words", got=error, expected="one word a line") from error
    hidden = {word.strip().casefold() for word in text.splitlines()}
    return lambda word: word.casefold() in hidden


def draw_cloud(path: Path, weights: Mapping[str, float], sign: int, options: CloudOptions | None = None) -> None:
    """Write a PNG of words sized by |weight|; the same words, weights and seed give the same picture."""
    options = options or CloudOptions()
    if not weights:
        raise DataError("a cloud needs at least one word", fix="lower the minimum count")
    try:
        from wordcloud import WordCloud
    except ImportError as error:
        raise MissingExtraError("wordcloud", "wordcloud") from error
    sizes: dict[str, float] = {}
    for word, weight in weights.items():
        # Two redacted words may look the same; the larger one stands for both.
        shown = redacted(word, options.redact)
        sizes[shown] = max(sizes.get(shown, 0.0), abs(weight))
    cloud = WordCloud(
        width=options.width,
        height=options.height,
        background_color="white",
        color_func=lambda *_, **__: COLOURS[sign],
        random_state=options.seed,
        relative_scaling=0.5,
        prefer_horizontal=1.0,
        margin=3,
    )
    with atomic_path(path) as temporary:
        cloud.generate_from_frequencies(sizes).to_image().save(temporary, format="PNG")
