"""Sentence after sentence explained and kept on disk, a chunk at a time, so that an interrupted corpus resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from clearhead.core.artifacts import content_key, read_json, read_tensors, write_json, write_tensors
from clearhead.core.progress import Progress, Silent
from clearhead.explain.lime import LimeOptions
from clearhead.explain.sentences import TextFeatures, Words, explain_sentences, leave_one_out

__all__ = ["ExplainedSentence", "explain_corpus"]

CHUNK = 32


@dataclass(frozen=True, eq=False)
class ExplainedSentence:
    """A sentence's distinct ``words`` with their ``counts``, LIME weights ``coef`` (words, p) and fit ``r2`` (p,).

    ``fall`` (words, p) is how far each feature falls when one word is left out, or None where that was not measured.
    """

    row: int
    words: tuple[str, ...]
    counts: tuple[int, ...]
    coef: Tensor
    r2: Tensor
    fall: Tensor | None


def explain_corpus(
    features: TextFeatures,
    sentences: Sequence[tuple[int, str]],
    folder: Path,
    options: LimeOptions,
    *,
    batch: int = 64,
    checked: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[ExplainedSentence]:
    """Explain (row number, sentence) pairs; of the first ``checked`` ones also leave every word out once.

    Chunks found in ``folder`` are read instead of computed. Sentences without a word are left out.
    """
    progress = progress or Silent()
    worded = [(row, words) for row, text in sentences if (words := Words.of(text)).words]
    progress.start("words of sentences", len(worded))
    found: list[ExplainedSentence] = []
    for start in range(0, len(worded), CHUNK):
        chunk = worded[start : start + CHUNK]
        check = start < checked
        path = folder / f"{content_key([(row, words.pieces) for row, words in chunk], check)}.json"
        if not path.is_file():
            _write(path, [row for row, _ in chunk], _explain(features, chunk, options, batch, check, seed))
        found += _read(path)
        progress.advance(len(chunk))
    progress.finish()
    return found


def _explain(
    features: TextFeatures, chunk: Sequence[tuple[int, Words]], options: LimeOptions, batch: int, check: bool, seed: int
) -> list[tuple[Words, dict[str, Tensor]]]:
    sentences = [words for _, words in chunk]
    fits = explain_sentences(features, sentences, options, batch=batch, seed=seed)
    falls = leave_one_out(features, sentences, batch) if check else [None] * len(chunk)
    made = []
    for words, fit, fall in zip(sentences, fits, falls, strict=True):
        tensors = {"coef": fit.coef.float(), "r2": fit.r2.float()}
        made.append((words, tensors if fall is None else {**tensors, "fall": fall.float()}))
    return made


def _write(path: Path, rows: Sequence[int], made: Sequence[tuple[Words, dict[str, Tensor]]]) -> None:
    # The numbers go first and their description last: a description that exists has its numbers.
    tensors = {f"{i}.{name}": value for i, (_, parts) in enumerate(made) for name, value in parts.items()}
    write_tensors(path.with_suffix(".safetensors"), tensors)
    plain = [
        {"row": row, "words": words.words, "counts": words.counts} for row, (words, _) in zip(rows, made, strict=True)
    ]
    write_json(path, plain)


def _read(path: Path) -> list[ExplainedSentence]:
    tensors = read_tensors(path.with_suffix(".safetensors"))
    described: list[dict[str, Any]] = read_json(path)
    return [
        ExplainedSentence(
            row=int(one["row"]),
            words=tuple(one["words"]),
            counts=tuple(one["counts"]),
            coef=tensors[f"{i}.coef"],
            r2=tensors[f"{i}.r2"],
            fall=tensors.get(f"{i}.fall"),
        )
        for i, one in enumerate(described)
    ]


def top_word_gain(sentence: ExplainedSentence, columns: Sequence[int]) -> float:
    """How much more a feature falls without its top LIME word than without a random one, averaged over features.

    A sentence of one word offers no choice; it gives NaN.
    """
    if sentence.fall is None or len(sentence.words) < 2:
        return float("nan")
    fall = sentence.fall[:, list(columns)].double()
    top = sentence.coef[:, list(columns)].argmax(0, keepdim=True)
    return float((fall.gather(0, top)[0] - fall.mean(0)).mean())


def listed_word_gain(sentence: ExplainedSentence, listed: Tensor, columns: Sequence[int]) -> float:
    """How much more a feature falls without a word of its list than without the sentence's other words.

    ``listed`` (words, columns) says which words are on which feature's list. Features with no such word, or with no
    other, do not count; NaN if none is left.
    """
    if sentence.fall is None:
        return float("nan")
    fall = sentence.fall[:, list(columns)].double()
    inside, outside = listed.double(), (~listed).double()
    valid = (inside.sum(0) > 0) & (outside.sum(0) > 0)
    gain = (fall * inside).sum(0) / inside.sum(0) - (fall * outside).sum(0) / outside.sum(0)
    return float(gain[valid].mean()) if bool(valid.any()) else float("nan")
