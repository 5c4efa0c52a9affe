"""Sentences changed by a word or two that get another prediction (Algorithm 3, F.1): to the letter, or exhaustively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import numpy_generator
from clearhead.debug.inputs import class_numbers
from clearhead.debug.intervals import mean_interval, proportion
from clearhead.debug.substitution import Clouds, Encode, TextOptions, draw, exhaustive, substitute
from clearhead.head import SparseHead

__all__ = ["counterfactual_text"]


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
            *_without_words(heads, clouds),
        ),
        settings={"max_words": options.max_words, "beam": options.beam, "seed": options.seed},
    )


def _without_words(heads: Mapping[str, SparseHead], clouds: Clouds) -> list[str]:
    """Algorithm 3 goes through all features; those that no words are known for offer nothing."""
    used = {int(j) for head in heads.values() for j in head.used()}
    known = sum(j in clouds for j in used)
    if known == len(used):
        return []
    return [f"Words are known for {known} of the {len(used)} features in use; the others offer no substitution."]


def _outcomes(
    head: SparseHead, texts: Sequence[str], features: Tensor, clouds: Clouds, encode: Encode, options: TextOptions
) -> list[dict[str, Any]]:
    rng = numpy_generator(options.seed, "algorithm 3")
    guesses = class_numbers(head.predict(features)).tolist()
    drawn = [draw(head, text, guess, clouds, rng) for text, guess in zip(texts, guesses, strict=True)]
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
