"""What words do to features over a corpus: the average of their LIME weights (Algorithm 2), with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.explain.intervals import student

__all__ = ["SentenceWeights", "Vocabulary", "WordWeight"]


@dataclass(frozen=True, eq=False)
class SentenceWeights:
    """One sentence: its distinct ``words``, how often each stands there, and ``coef`` (words, p)."""

    words: Sequence[str]
    counts: Sequence[int]
    coef: Tensor


@dataclass(frozen=True)
class WordWeight:
    """A word's average weight for one feature, its 95 % interval over sentences, and what it rests on."""

    word: str
    weight: float
    low: float
    high: float
    count: int
    sentences: int


class Vocabulary:
    """Average weight of every word for every feature.

    Parameters
    ----------
    sentences : the sentences' weights.
    average : "occurrences" (Algorithm 2: a word that stands twice in a sentence counts twice) or "sentences"
        (section B.2's text: once).

    ``weight``, ``error`` are (v, p) float64, ``count`` and ``sentences`` (v,) int64; the error of a word seen in one
    sentence is NaN.

    Examples
    --------
    >>> import torch
    >>> good = lambda w: SentenceWeights(["good", "film"], [1, 1], torch.tensor([[w], [0.0]]))
    >>> v = Vocabulary([good(1.0), good(3.0)])
    >>> v.top(0, 1, minimum=2)[0].word, v.top(0, 1, minimum=2)[0].weight
    ('good', 2.0)
    """

    def __init__(self, sentences: Iterable[SentenceWeights], average: str = "occurrences") -> None:
        if average not in ("occurrences", "sentences"):
            raise SettingError("unknown way of averaging words", got=average, expected='"occurrences" or "sentences"')
        parts = list(sentences)
        numbers: dict[str, int] = {}
        index = torch.tensor([numbers.setdefault(w, len(numbers)) for s in parts for w in s.words], dtype=torch.int64)
        times = torch.tensor([c for s in parts for c in s.counts], dtype=torch.int64)
        coef = torch.cat([s.coef for s in parts]).double() if parts else torch.zeros(0, 0).double()
        share = times.double() if average == "occurrences" else torch.ones(len(times)).double()
        self.words, self.average = tuple(numbers), average
        v = len(numbers)
        total = torch.zeros(v).double().index_add_(0, index, share)
        self.count = torch.zeros(v, dtype=torch.int64).index_add_(0, index, times)
        self.sentences = torch.bincount(index, minlength=v)
        self.weight = torch.zeros(v, coef.shape[1]).double().index_add_(0, index, coef * share[:, None])
        self.weight /= total[:, None]
        # The mean is a ratio of sums over sentences; its variance comes from each sentence's share of the deviation.
        deviation = ((coef - self.weight[index]) * share[:, None]).square()
        spread = torch.zeros_like(self.weight).index_add_(0, index, deviation)
        n = self.sentences.double()
        inflate = torch.where(n > 1, n / (n - 1), torch.full_like(n, torch.nan))
        self.error = (spread * inflate[:, None]).sqrt() / total[:, None]

    def top(self, feature: int, number: int, *, sign: int = 1, minimum: int = 1) -> list[WordWeight]:
        """The words that raise (+1) or lower (−1) a feature most, among those seen in at least ``minimum`` sentences.

        Only words of that sign are returned; ties go to the more frequent word, then to the alphabet.
        """
        weight = sign * self.weight[:, feature]
        allowed = ((self.sentences >= minimum) & (weight > 0)).nonzero().flatten().tolist()
        order = sorted(allowed, key=lambda i: (-float(weight[i]), -int(self.count[i]), self.words[i]))
        return [self._entry(i, feature) for i in order[:number]]

    def _entry(self, i: int, feature: int) -> WordWeight:
        weight, n = float(self.weight[i, feature]), int(self.sentences[i])
        half = float(np.asarray(student(n - 1))) * float(self.error[i, feature])
        return WordWeight(self.words[i], weight, weight - half, weight + half, int(self.count[i]), n)
