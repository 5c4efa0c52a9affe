"""Words of a sentence exchanged for those that speak against its class: one at random, or the best of all (F.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from clearhead.head import SparseHead

__all__ = [
    "Candidate",
    "Clouds",
    "Counterfactual",
    "Encode",
    "TextOptions",
    "candidates",
    "draw",
    "exhaustive",
    "substitute",
]

Clouds = Mapping[int, Mapping[str, Sequence[str]]]
Encode = Callable[[list[str]], Tensor]
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True)
class Candidate:
    """An element of Z⁺ ∪ Z⁻: the word (its number in the sentence) that the feature uses as evidence for the class."""

    position: int
    feature: int
    sign: int


@dataclass(frozen=True)
class Counterfactual:
    """A changed sentence: (position, old word, new word) of each substitution, and the prediction it gets."""

    text: str
    changes: tuple[tuple[int, str, str], ...]
    prediction: int


@dataclass(frozen=True)
class TextOptions:
    """Options of `counterfactual_text`.

    Parameters
    ----------
    max_words : the exhaustive search substitutes at most so many words.
    beam : from the second word on it extends the so many substitutions that moved the prediction furthest.
    batch : sentences encoded at once.
    """

    max_words: int = 2
    beam: int = 5
    seed: int = 0
    batch: int = 256


def candidates(head: SparseHead, text: str, class_: int, clouds: Clouds) -> list[Candidate]:
    """Z⁺ ∪ Z⁻ (eqs 6-7): words in a feature's raising cloud with a positive weight for the class, or in its lowering
    cloud with a negative one. Words match without regard to case."""
    words = [m.group().lower() for m in WORD.finditer(text)]
    found = []
    for j, weight in head.top_features(class_):
        side = "positive" if weight > 0 else "negative"
        cloud = {w.lower() for w in clouds.get(j, {}).get(side, ())}
        sign = 1 if weight > 0 else -1
        found += [Candidate(i, j, sign) for i, word in enumerate(words) if word in cloud]
    return found


def _replacements(candidate: Candidate, clouds: Clouds) -> list[str]:
    """Words of the opposite cloud of the same feature."""
    return list(clouds.get(candidate.feature, {}).get("negative" if candidate.sign > 0 else "positive", ()))


def substitute(text: str, changes: Mapping[int, str]) -> str:
    """The text with the words of these numbers replaced; everything between words stays."""
    counter = iter(range(len(text)))
    return WORD.sub(lambda m: changes.get(next(counter), m.group()), text)


def draw(head: SparseHead, text: str, class_: int, clouds: Clouds, rng: np.random.Generator) -> dict[int, str] | None:
    """Algorithm 3 from line 12: a random element of Z, a random word of the opposite cloud; None is its −1."""
    found = candidates(head, text, class_, clouds)
    if not found:
        return None
    chosen = found[int(rng.integers(len(found)))]
    words = _replacements(chosen, clouds)
    return {chosen.position: words[int(rng.integers(len(words)))]} if words else None


def exhaustive(
    head: SparseHead, text: str, class_: int, clouds: Clouds, encode: Encode, options: TextOptions | None = None
) -> Counterfactual | None:
    """The substitution of fewest words that flips, among all admissible ones; of equals the largest change.

    All single words are tried; from two words on, those that extend the ``beam`` best so far (so a flip with two or
    more words may be missed, a flip with one never is).
    """
    options = options or TextOptions()
    moves = sorted(
        {(c.position, word) for c in candidates(head, text, class_, clouds) for word in _replacements(c, clouds)}
    )
    states: list[dict[int, str]] = [{}]
    for _ in range(options.max_words):
        tried = {
            tuple(sorted((state | {position: word}).items()))
            for state in states
            for position, word in moves
            if position not in state
        }
        order = [dict(t) for t in sorted(tried)]
        if not order:
            return None
        margins, guesses = _judge(head, [substitute(text, s) for s in order], class_, encode, options.batch)
        ranked = sorted(range(len(order)), key=lambda i: margins[i])
        if guesses[ranked[0]] != class_:
            return _counterfactual(text, order[ranked[0]], guesses[ranked[0]])
        states = [order[i] for i in ranked[: options.beam]]
    return None


def _judge(
    head: SparseHead, texts: list[str], class_: int, encode: Encode, batch: int
) -> tuple[list[float], list[int]]:
    """Margin of the class over its best rival (below 0: flipped) and prediction of each text."""
    margins: list[float] = []
    guesses: list[int] = []
    for start in range(0, len(texts), batch):
        logits = head(encode(texts[start : start + batch]).float())
        own = logits[:, class_].clone()
        logits[:, class_] = float("-inf")
        best = logits.max(1)
        margins += (own - best.values).tolist()
        # A tie goes to the lower class number, as argmax does.
        flipped = (best.values > own) | ((best.values == own) & (best.indices < class_))
        guesses += [int(rival) if yes else class_ for rival, yes in zip(best.indices, flipped.tolist(), strict=True)]
    return margins, guesses


def _counterfactual(text: str, changes: Mapping[int, str], guess: int) -> Counterfactual:
    words = [m.group() for m in WORD.finditer(text)]
    listed = tuple((i, words[i], new) for i, new in sorted(changes.items()))
    return Counterfactual(substitute(text, changes), listed, guess)
