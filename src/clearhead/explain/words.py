"""Words that raise and lower each feature of a language network, over a corpus (Wong et al. 2021, Algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.progress import Progress
from clearhead.core.seeds import torch_generator
from clearhead.explain.corpus import ExplainedSentence, explain_corpus, listed_word_gain, top_word_gain
from clearhead.explain.frozen import frozen
from clearhead.explain.intervals import mean_estimate
from clearhead.explain.lime import LimeOptions
from clearhead.explain.subject import Shelf, Subject
from clearhead.explain.vocabulary import SentenceWeights, Vocabulary, WordWeight
from clearhead.explain.wordcloud import CloudOptions, draw_cloud, redacted

__all__ = ["WordsOptions", "words"]


@dataclass(frozen=True)
class WordsOptions:
    """How words are found.

    Parameters
    ----------
    lime : masks of a sentence and their regression; intervals come from the sentences, so it refits nothing.
    sentences : explain so many of the rows that may be shown, chosen at random; None: all of them.
    top : words listed on each side of a feature (the paper: 30).
    minimum : sentences that a word must occur in to be listed.
    average : "occurrences" or "sentences", see `Vocabulary`.
    checked : of so many sentences every word is left out once, to measure how faithful the lists are; 0: none.
    clouds : how clouds are drawn and which words are redacted (in clouds and tables); None: no clouds.
    """

    lime: LimeOptions = field(default_factory=lambda: LimeOptions(samples=1000, bootstrap=0))
    sentences: int | None = None
    top: int = 30
    minimum: int = 3
    average: str = "occurrences"
    checked: int = 200
    batch: int = 64
    seed: int = 0
    clouds: CloudOptions | None = field(default_factory=CloudOptions)


def words(
    subject: Subject,
    features: Sequence[int],
    run: Path | str,
    options: WordsOptions | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Explain a corpus and list, for each feature, the words that raise and lower it.

    Weights are in standard deviations of the feature. Artifacts lie under ``run/findings/media/words/KEY/``.
    Table "words" has a row a (feature, sign, rank); media are named "12+" and "12-".
    """
    options = options or WordsOptions()
    backbone, examples = subject.network("text")
    rows = sample_rows(subject.rows, options.sentences, options.seed)
    scaler = (subject.head.mean, subject.head.scale)
    shelf = Shelf(run, "words", backbone.key, backbone.layers, examples.key, scaler, asdict(options.lime), options.seed)

    def standardised(texts: list[str]) -> Tensor:
        return subject.standardize(backbone.features(backbone.preprocess(texts)).cpu())

    with frozen(backbone.model):
        explained = explain_corpus(
            standardised,
            [(int(row), examples[int(row)]) for row in rows],
            shelf.folder,
            options.lime,
            batch=options.batch,
            checked=options.checked,
            seed=options.seed,
            progress=progress,
        )
    found = _vocabulary(explained, options.average)
    lists = {
        (j, sign): found.top(j, options.top, sign=sign, minimum=options.minimum)
        for j in features
        for sign in (1, -1)
        if explained
    }
    return Finding(
        kind="words",
        title="Words that raise and lower each feature",
        sentence=_sentence(features, explained, lists),
        numbers=_numbers(explained, list(features), options, len(rows)),
        tables={"words": _table(lists, options, subject)},
        caveats=_caveats(lists, len(rows) - len(explained), options),
        settings=_settings(options, shelf.key, list(features)),
        media=_clouds(lists, shelf, options.clouds),
    )


def sample_rows(rows: Tensor, number: int | None, seed: int) -> Tensor:
    """The rows in random order, or the first ``number`` of that order: a larger sample contains a smaller one."""
    order = torch.randperm(len(rows), generator=torch_generator(seed, "sentences"))
    return rows[order[:number]]


def _vocabulary(explained: Sequence[ExplainedSentence], average: str) -> Vocabulary:
    return Vocabulary((SentenceWeights(s.words, s.counts, s.coef) for s in explained), average)


Lists = dict[tuple[int, int], list[WordWeight]]


def _table(lists: Lists, options: WordsOptions, subject: Subject) -> Table:
    redact = options.clouds.redact if options.clouds else None
    entries = [(j, sign, rank, w) for (j, sign), found in lists.items() for rank, w in enumerate(found, 1)]
    columns: dict[str, list[Any]] = {
        "feature": [j for j, *_ in entries],
        "name": [subject.head.feature_names[j] for j, *_ in entries],
        "sign": [sign for _, sign, *_ in entries],
        "rank": [rank for _, _, rank, _ in entries],
        "word": [redacted(w.word, redact) for *_, w in entries],
    }
    columns |= {key: [getattr(w, key) for *_, w in entries] for key in ("weight", "low", "high", "count", "sentences")}
    units = {
        "weight": "standard deviations of the feature, averaged over " + options.average,
        "low": "lower end of the 95 % interval over sentences",
        "high": "upper end of the 95 % interval over sentences",
        "count": "occurrences in the sentences explained",
        "sentences": "sentences with the word",
    }
    return Table(columns, units)


def _numbers(
    explained: Sequence[ExplainedSentence], columns: list[int], options: WordsOptions, asked: int
) -> dict[str, Any]:
    numbers: dict[str, Any] = {"sentences": len(explained), "sentences_asked": asked}
    if not explained or not columns:
        return numbers
    fits = torch.stack([s.r2[columns].nanmean() for s in explained])
    numbers["fit_r2"] = mean_estimate(fits.numpy(), "sentence")
    if any(s.fall is not None for s in explained):
        gains = [top_word_gain(s, columns) for s in explained]
        numbers["deletion_gain_in_sentence"] = mean_estimate(gains, "sentence")
        numbers["deletion_gain_of_lists"] = _list_gain(explained, columns, options)
    return numbers


def _list_gain(explained: Sequence[ExplainedSentence], columns: list[int], options: WordsOptions) -> Estimate:
    """Lists made from the sentences that were not checked, judged on those that were."""
    held = [s for s in explained if s.fall is not None]
    vocabulary = _vocabulary([s for s in explained if s.fall is None], options.average)
    listed = [
        {w.word for w in vocabulary.top(j, options.top, minimum=options.minimum)} if vocabulary.words else set()
        for j in columns
    ]
    gains = []
    for s in held:
        mask = torch.tensor([[word in chosen for chosen in listed] for word in s.words])
        gains.append(listed_word_gain(s, mask, columns))
    return mean_estimate(gains, "sentence")


def _sentence(features: Sequence[int], explained: Sequence[ExplainedSentence], lists: Lists) -> str:
    if not explained:
        return "None of the sentences has a word, so nothing could be explained."
    first = features[0] if features else 0
    best = [f"“{found[0].word}”" for sign in (1, -1) if (found := lists.get((first, sign)))]
    example = f"; for feature {first} the first on each side are {' and '.join(best)}" if len(best) == 2 else ""
    return f"{len(features)} features were explained by the words of {len(explained)} sentences{example}."


def _caveats(lists: Lists, skipped: int, options: WordsOptions) -> tuple[str, ...]:
    empty = sum(not found for found in lists.values())
    notes = ["A weight tells what the network does when the word is left out, which need not be what the word means."]
    notes += [f"{skipped} sentences without any word were left out."] if skipped else []
    notes += (
        [f"{empty} lists are empty: no word of that sign occurs in {options.minimum} sentences or more."]
        if empty
        else []
    )
    return tuple(notes)


def _settings(options: WordsOptions, key: str, features: list[int]) -> dict[str, Any]:
    plain = {name: getattr(options, name) for name in ("sentences", "top", "minimum", "average", "checked", "seed")}
    return {**plain, "lime": asdict(options.lime), "key": key, "features": features}


def _clouds(lists: Lists, shelf: Shelf, options: CloudOptions | None) -> dict[str, str]:
    media = {}
    for (j, sign), found in lists.items():
        if options is None or not found:
            continue
        name = f"{j}{'+' if sign > 0 else '-'}"
        draw_cloud(shelf.path(f"cloud-{name}.png"), {w.word: w.weight for w in found}, sign, options)
        media[name] = shelf.media(f"cloud-{name}.png")
    return media
