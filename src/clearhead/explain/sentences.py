"""LIME on sentences, for all features at once: words left out at random, one regression a sentence (Algorithm 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core.seeds import derive
from clearhead.explain.lime import LimeOptions, Masks, Surrogate, fit_surrogate, word_masks

__all__ = ["Words", "embed", "explain_sentences", "leave_one_out"]

TextFeatures = Callable[[list[str]], Tensor]
# A word keeps the apostrophe or hyphen inside it ("n't", "it's", "well-made"); scripts written without spaces
# (kana, Chinese characters) are cut into characters.
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:['’\-][^\W{UNSPACED}]+)*")


@dataclass(frozen=True)
class Words:
    """A sentence cut into words and what stands between them.

    ``pieces`` join to the sentence; ``words`` are its distinct words (lower case), ``places[i]`` the pieces where
    word i stands: leaving a word out removes all its occurrences, as `lime` does.
    """

    pieces: tuple[str, ...]
    words: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, sentence: str) -> Words:
        """Cut a sentence.

        >>> Words.of("Good, very good").words, Words.of("Good, very good").without([0])
        (('good', 'very'), ', very ')
        """
        pieces: list[str] = []
        places: dict[str, list[int]] = {}
        end = 0
        for match in WORD.finditer(sentence):
            pieces.append(sentence[end : match.start()])
            places.setdefault(match.group().lower(), []).append(len(pieces))
            pieces.append(match.group())
            end = match.end()
        pieces.append(sentence[end:])
        return cls(tuple(pieces), tuple(places), tuple(map(tuple, places.values())))

    def without(self, absent: Sequence[int]) -> str:
        """The sentence without the words of these numbers."""
        gone = {place for word in absent for place in self.places[word]}
        return "".join(piece for i, piece in enumerate(self.pieces) if i not in gone)

    @property
    def counts(self) -> list[int]:
        """How often each word stands in the sentence."""
        return [len(p) for p in self.places]


def embed(features: TextFeatures, texts: Sequence[str], batch: int = 64) -> Tensor:
    """(n, p) features, distinct texts once, in batches of similar length so that padding is short."""
    position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    distinct = sorted(position, key=len, reverse=True)
    parts = []
    with torch.no_grad():
        for start in range(0, len(distinct), batch):
            parts.append(features(distinct[start : start + batch]).cpu())
    row = {text: i for i, text in enumerate(distinct)}
    return torch.cat(parts)[[row[text] for text in texts]]


def explain_sentences(
    features: TextFeatures,
    sentences: Sequence[Words],
    options: LimeOptions | None = None,
    *,
    batch: int = 64,
    seed: int = 0,
    masks: Sequence[Masks] | None = None,
) -> list[Surrogate]:
    """The weight of each word of each sentence for each feature; sentences without a word are not allowed.

    The masked copies of all sentences form one pool, so that batches are of one length whatever the sentences are.

    Examples
    --------
    >>> import torch
    >>> count = lambda texts: torch.tensor([[float(t.split().count("fine"))] for t in texts])
    >>> fit = explain_sentences(count, [Words.of("a fine film")], LimeOptions(ridge=0.0))[0]
    >>> [round(v, 3) for v in fit.coef[:, 0].abs().tolist()]
    [0.0, 1.0, 0.0]
    """
    options = options or LimeOptions()
    masks = masks or [draw(words, options, seed) for words in sentences]
    texts = [
        words.without((~row).nonzero().flatten().tolist())
        for words, drawn in zip(sentences, masks, strict=True)
        for row in drawn.present
    ]
    targets = torch.split(embed(features, texts, batch), [len(m) for m in masks])
    return [fit_surrogate(m, t, options, seed) for m, t in zip(masks, targets, strict=True)]


def draw(words: Words, options: LimeOptions, seed: int) -> Masks:
    """A sentence's own masks: they depend on its words alone, not on the sentences beside it."""
    return word_masks(len(words.words), options.samples, derive(seed, "sentence", *words.pieces))


def leave_one_out(features: TextFeatures, sentences: Sequence[Words], batch: int = 64) -> list[Tensor]:
    """For each sentence the (d, p) fall of every feature when one word is left out."""
    texts = [words.without(gone) for words in sentences for gone in _single(words)]
    values = torch.split(embed(features, texts, batch), [1 + len(words.words) for words in sentences])
    return [value[0] - value[1:] for value in values]


def _single(words: Words) -> list[list[int]]:
    return [[], *([i] for i in range(len(words.words)))]
