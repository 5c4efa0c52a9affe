"""Experiments on text: word clouds, words that name groups, averaged word weights, sentences with a word replaced."""

from __future__ import annotations

from dataclasses import replace

from clearhead import explain as E
from clearhead.core.errors import DataError
from clearhead.core.finding import Finding
from clearhead.debug import TextOptions, bias_words, counterfactual_text
from clearhead.runs.recipes.job import Job

__all__ = ["make_substitutions", "make_vocabulary", "make_words"]

FEATURES = 5


def make_words(job: Job) -> list[Finding]:
    """Clouds of the top five features of either head (Figs 16, 26, 27), and which of their words name groups."""
    options = E.PanelsOptions(classes=(job.heads["sparse"].n_classes - 1,), features=FEATURES)
    features = [entry.feature for entry in E.panel_choice(job.subject, options)]
    words, *_ = job.explained(features)
    shown = E.panels(job.subject, None, job.run.folder, options, findings=[words])
    found = [_with(shown, words)]
    if job.experiment.about.get("bias"):
        bias = bias_words(job.heads, _clouds(job, features), features=FEATURES)
        shares = {"bias": bias.tables["words"]}
        found.append(Finding("bias_shares", bias.title, bias.sentence, bias.numbers, shares, bias.caveats))
    return found


def _with(shown: Finding, words: Finding) -> Finding:
    tables = {"panels": shown.tables["panels"], "words": words.tables["words"]}
    caveats = (*shown.caveats, *words.caveats)
    return Finding(shown.kind, shown.title, words.sentence, words.numbers, tables, caveats, shown.settings, shown.media)


def make_vocabulary(job: Job) -> list[Finding]:
    """Algorithm 2 on the sparse head's top features."""
    return job.explained(_top(job))


def make_substitutions(job: Job, most: int = 500) -> list[Finding]:
    """Algorithm 3 on test sentences, with the clouds of Algorithm 2, for both heads."""
    words = _clouds(job, _top(job))
    backbone, texts = job.subject.backbone, job.run.table.texts
    if backbone is None or texts is None:
        raise DataError("sentences are needed to replace words in")
    sentences = [texts[int(row)] for row in job.rows("test")[:most]]
    options = TextOptions(seed=job.run.config.data.seed)

    def encode(batch: list[str]) -> object:
        return backbone.features(backbone.preprocess(batch)).cpu()

    return [counterfactual_text(job.heads, sentences, words, encode, options)]  # type: ignore[arg-type]


def _top(job: Job) -> list[int]:
    """The strongest features of either head: Algorithm 3 compares the two."""
    c = job.heads["sparse"].n_classes - 1
    return [j for head in job.heads.values() for j, _ in head.top_features(c, FEATURES)]


def _clouds(job: Job, features: list[int]) -> dict[int, dict[str, list[str]]]:
    """Feature → its raising and lowering words, strongest first, as they are: a redacted word is in no sentence."""
    options = replace(job.words_options, clouds=None, checked=0)
    found: dict[int, dict[str, list[str]]] = {}
    for row in E.words(job.subject, features, job.run.folder, options, job.run.progress).tables["words"].rows():
        side = "positive" if row["sign"] > 0 else "negative"
        found.setdefault(row["feature"], {"positive": [], "negative": []})[side].append(row["word"])
    return found
