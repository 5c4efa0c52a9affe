"""Sentences changed by a word or two that get another prediction (Algorithm 3, F.1): to the letter, or exhaustively."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import numpy_generator
from clearhead.debug.inputs import class_numbers
from clearhead.debug.intervals import mean_interval, proportion
from clearhead.head import SparseHead

__all__ = [
    "Candidate",
    "Counterfactual",
    "TextOptions",
    "candidates",
    "counterfactual_text",
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


def _draw(head: SparseHead, text: str, class_: int, clouds: Clouds, rng: np.random.Generator) -> dict[int, str] | None:
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


def counterfactual_text(
    heads: Mapping[str, SparseHead],
    texts: Sequence[str],
    clouds: Clouds,
    encode: Encode,
    options: TextOptions | None = None,
) -> Finding:
    """One word of each sentence replaced as Algorithm 3 says, and the best found by trying all; for each head.

    Parameters
    ----------
    heads : name ("sparse", "dense") → head over the same encoder.
    clouds : feature → {"positive": words, "negative": words}.
    encode : list of texts → (n, p) raw features.

    Returns
    -------
    A finding of kind "counterfactual_text": per head the share of sentences with a candidate (the others are the
    algorithm's −1, counted), the share that flips among those, among all, and among the sentences for which every
    head has a candidate (the paper's rule), random and exhaustive; table ``examples``.
    """
    options = options or TextOptions()
    if not texts:
        raise DataError("there are no sentences to change")
    features = encode(list(texts)).float()
    outcomes = {name: _outcomes(head, texts, features, clouds, encode, options) for name, head in heads.items()}
    if not any(row["possible"] for rows in outcomes.values() for row in rows):
        raise DataError(
            "no sentence has a word of any feature's cloud",
            got=f"{len(texts)} sentences, words for {len(clouds)} features",
            fix="make clouds from a corpus that these sentences resemble, or for more features",
        )
    both = [all(rows[i]["possible"] for rows in outcomes.values()) for i in range(len(texts))]
    numbers: dict[str, Estimate] = {}
    for name, rows in outcomes.items():
        numbers |= _numbers(name, rows, both)
    return Finding(
        kind="counterfactual_text",
        title="One word changed",
        sentence=_sentence(numbers, list(heads), sum(both)),
        numbers={**numbers, "n_sentences": len(texts), "n_possible_for_all": sum(both)},
        tables={"examples": _examples(outcomes, heads)},
        caveats=(
            "A substitution keeps no grammar or meaning; it shows what the head reads, not what a person would write.",
            f"Beyond one word the search keeps the {options.beam} best, so longer flips may be missed.",
        ),
        settings={"max_words": options.max_words, "beam": options.beam, "seed": options.seed},
    )


def _outcomes(
    head: SparseHead, texts: Sequence[str], features: Tensor, clouds: Clouds, encode: Encode, options: TextOptions
) -> list[dict[str, Any]]:
    rng = numpy_generator(options.seed, "algorithm 3")
    guesses = class_numbers(head.predict(features)).tolist()
    drawn = [_draw(head, text, guess, clouds, rng) for text, guess in zip(texts, guesses, strict=True)]
    possible = [i for i, d in enumerate(drawn) if d is not None]
    changed = {i: substitute(texts[i], drawn[i] or {}) for i in possible}
    after = class_numbers(head.predict(encode(list(changed.values())).float())).tolist() if changed else []
    random = dict(zip(possible, after, strict=True))
    return [
        {
            "text": text,
            "prediction": guesses[i],
            "possible": i in changed,
            "random": changed.get(i),
            "random_flips": i in random and random[i] != guesses[i],
            "best": exhaustive(head, text, guesses[i], clouds, encode, options) if i in changed else None,
        }
        for i, text in enumerate(texts)
    ]


def _numbers(name: str, rows: Sequence[Mapping[str, Any]], both: Sequence[bool]) -> dict[str, Estimate]:
    possible = [row for row in rows if row["possible"]]
    shared = [row for row, yes in zip(rows, both, strict=True) if yes]
    sizes = [len(row["best"].changes) for row in rows if row["best"]]
    numbers = {
        f"{name}_possible": proportion(len(possible), len(rows)),
        f"{name}_words_changed": mean_interval(sizes),
    }
    for scope, chosen in (("where_possible", possible), ("of_all", rows), ("where_both", shared)):
        numbers[f"{name}_random_{scope}"] = proportion(sum(row["random_flips"] for row in chosen), len(chosen))
        flipped = sum(row["best"] is not None for row in chosen)
        numbers[f"{name}_exhaustive_{scope}"] = proportion(flipped, len(chosen))
    return numbers


def _sentence(numbers: Mapping[str, Estimate], names: Sequence[str], n_both: int) -> str:
    if not n_both:
        return "No sentence has a candidate word for every head; the shares of each head alone are in the table."
    parts = [
        f"{numbers[f'{name}_random_where_both'].value:.1%} with a random substitution and "
        f"{numbers[f'{name}_exhaustive_where_both'].value:.1%} with the best one for the {name} head"
        for name in names
    ]
    return (
        f"Of {n_both} sentences that every head offers a substitution for, the prediction flips in {'; '.join(parts)}."
    )


def _examples(outcomes: Mapping[str, Sequence[Mapping[str, Any]]], heads: Mapping[str, SparseHead]) -> Table:
    shown = [(name, row) for name, rows in outcomes.items() for row in rows if row["best"]][:200]
    return Table(
        {
            "head": [name for name, _ in shown],
            "text": [row["text"] for _, row in shown],
            "prediction": [heads[name].class_names[row["prediction"]] for name, row in shown],
            "changed": [row["best"].text for _, row in shown],
            "to": [heads[name].class_names[row["best"].prediction] for name, row in shown],
            "words": [len(row["best"].changes) for _, row in shown],
        }
    )
