"""Algorithm 2: average weights of words, their intervals and their order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clearhead.core.errors import SettingError
from clearhead.explain.vocabulary import SentenceWeights, Vocabulary


def sentence(words: dict[str, float], counts: list[int] | None = None) -> SentenceWeights:
    coef = torch.tensor(list(words.values()))[:, None]
    return SentenceWeights(list(words), counts or [1] * len(words), coef)


def test_occurrences_and_sentences_are_different_averages():
    parts = [sentence({"good": 1.0}, [3]), sentence({"good": 5.0})]
    assert Vocabulary(parts).weight.tolist() == [[2.0]]
    assert Vocabulary(parts, "sentences").weight.tolist() == [[3.0]]
    assert Vocabulary(parts).count.tolist() == [4]
    assert Vocabulary(parts).sentences.tolist() == [2]
    with pytest.raises(SettingError, match="averaging"):
        Vocabulary(parts, "words")


def test_order_minimum_sign_and_ties():
    parts = [sentence({"b": 1.0, "a": 1.0, "rare": 9.0, "bad": -2.0}), sentence({"b": 1.0, "a": 1.0, "bad": -4.0})]
    vocabulary = Vocabulary(parts)
    assert [w.word for w in vocabulary.top(0, 5, minimum=2)] == ["a", "b"]
    assert [w.word for w in vocabulary.top(0, 5)] == ["rare", "a", "b"]
    (bad,) = vocabulary.top(0, 5, sign=-1)
    assert (bad.word, bad.weight, bad.sentences) == ("bad", -3.0, 2)
    assert np.isnan(vocabulary.top(0, 1)[0].low)


def test_interval_covers_the_mean_of_the_population():
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        values = generator.exponential(1.0, 25)
        entry = Vocabulary(sentence({"w": float(v)}) for v in values).top(0, 1)[0]
        covered.append(entry.low <= 1.0 <= entry.high)
    assert 0.88 < np.mean(covered) < 0.98


def test_no_sentences_have_no_words():
    assert Vocabulary([]).words == ()
