"""What an explanation will cost before it starts: passes through the network, time by measurement, bytes on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from clearhead.explain.frozen import frozen
from clearhead.explain.image_explainer import SuperpixelsOptions
from clearhead.explain.selection import directions, exemplar_rows
from clearhead.explain.sentences import Words, draw
from clearhead.explain.subject import Subject
from clearhead.explain.view import PictureView
from clearhead.explain.visualize import VisualizeOptions
from clearhead.explain.words import WordsOptions, sample_rows

__all__ = ["Cost", "estimate"]

PROBED = 40


@dataclass(frozen=True)
class Cost:
    """One kind of explanation: how many ``items`` (images, sentences, pictures), network ``passes`` (one input each,
    those with a gradient counted once), predicted ``seconds`` from a timed batch, and ``bytes`` on disk.

    What is on disk already is not subtracted: an interrupted run costs less.
    """

    kind: str
    items: int
    passes: int
    seconds: float
    bytes: int


def estimate(
    subject: Subject,
    features: Sequence[int],
    *,
    visualize: VisualizeOptions | None = None,
    superpixels: SuperpixelsOptions | None = None,
    words: WordsOptions | None = None,
) -> list[Cost]:
    """The cost of each kind whose options are given; a small batch is timed (twice, the better counts)."""
    found = []
    if superpixels is not None:
        found.append(_superpixels(subject, features, superpixels))
    if visualize is not None:
        found.append(_visualize(subject, features, visualize))
    if words is not None:
        found.append(_words(subject, words))
    return found


def _superpixels(subject: Subject, features: Sequence[int], options: SuperpixelsOptions) -> Cost:
    wanted = directions(subject, features, options.direction)
    chosen = exemplar_rows(subject, wanted, options.exemplars, options.seed)
    images = len({row for rows in chosen.values() for row in rows.tolist()})
    deletions = images * (1 + options.draws) + sum(len(rows) for rows in chosen.values())
    passes = images * (options.lime.samples + 1) + deletions
    view, batch = _view(subject), min(options.batch, 16)
    pictures = torch.rand(batch, 3, *view.size)
    seconds = _timed(subject, lambda: view.features(pictures), gradient=False) / batch
    size = images * (2 * options.segments.count * subject.head.n_features * 4 + view.size[0] * view.size[1] * 8)
    return Cost("superpixels", images, passes, seconds * passes, size)


def _visualize(subject: Subject, features: Sequence[int], options: VisualizeOptions) -> Cost:
    pictures = len(directions(subject, features, options.direction))
    passes = pictures * options.ascent.steps
    view = _view(subject)
    size, batch = options.size or view.size, min(options.batch, 8)

    def step() -> Any:
        shown = torch.rand(batch, 3, *size).requires_grad_()
        return torch.autograd.grad(view.features(shown).sum(), [shown])

    seconds = _timed(subject, step, gradient=True) / batch
    return Cost("visualization", pictures, passes, seconds * passes, pictures * size[0] * size[1] * 3)


def _words(subject: Subject, options: WordsOptions) -> Cost:
    backbone, examples = subject.network("text")
    rows = sample_rows(subject.rows, options.sentences, options.seed)
    cut = [Words.of(examples[int(row)]) for row in rows[:PROBED]]
    cut = [words for words in cut if words.words]
    if not cut:
        return Cost("words", 0, 0, 0.0, 0)
    masks = [draw(words, options.lime, options.seed) for words in cut]
    share = len(rows) / min(PROBED, len(rows))
    distinct = sum(len(m) for m in masks) * share
    parts = sum(len(words.words) for words in cut) * share
    checked = parts * min(options.checked, len(rows)) / len(rows)
    # A masked copy keeps about half of its words, so half sentences are what is timed.
    texts = [words.without(range(0, len(words.words), 2)) for words in cut[:16]]
    seconds = _timed(subject, lambda: backbone.features(backbone.preprocess(texts)), gradient=False) / len(texts)
    passes = round(distinct + checked)
    size = round((parts + checked) * subject.head.n_features * 4)
    return Cost("words", len(rows), passes, seconds * passes, size)


def _view(subject: Subject) -> PictureView:
    backbone, examples = subject.network("image")
    return PictureView.of(backbone, examples[0])


def _timed(subject: Subject, work: Callable[[], Any], *, gradient: bool) -> float:
    """Seconds of the faster of two calls, after one to warm up."""
    model = None if subject.backbone is None else subject.backbone.model
    spent = []
    with frozen(model), torch.set_grad_enabled(gradient):
        for _ in range(3):
            start = time.perf_counter()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            spent.append(time.perf_counter() - start)
    return min(spent[1:])
