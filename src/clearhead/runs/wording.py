"""Words: how many name groups of people among those a head leans on, and sentences changed by a word or two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clearhead import explain as E
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.core.seeds import torch_generator
from clearhead.debug import TextOptions, bias_words, counterfactual_text
from clearhead.features.backbone import Backbone
from clearhead.head import SparseHead
from clearhead.report.rows import of_table
from clearhead.runs import sources
from clearhead.runs.asking import DebugSettings, identity_words
from clearhead.runs.contrast import other_run, same_features
from clearhead.runs.tasks import NETWORK, Task, named, network_head

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["bias", "clouds", "counterfactuals"]

Clouds = dict[int, dict[str, list[str]]]
STRONGEST = 5  # features of each class whose words are looked at (Fig. 26)
SENTENCES, MASKS = 300, 200


def bias(run: Run, questions: list[Task], settings: DebugSettings) -> Iterator[tuple[str, Finding]]:
    """Share of words that name groups, sparse beside dense, and beside both heads of another run if one is named."""
    _text_only(run)
    heads = _heads(run, questions)
    words = clouds(run, heads, STRONGEST, settings)
    given: dict[str, Clouds] = dict.fromkeys(heads, words)
    if settings.against is not None:
        other = other_run(run, settings.against)
        theirs = {f"{other.folder.resolve().name} {name}": h for name, h in _heads(other, []).items()}
        # One network needs one set of words; another's are explained in its own run.
        mine = same_features(run, other)
        lists = clouds(run if mine else other, theirs, STRONGEST, settings if mine else replace(settings, model=None))
        heads, given = {**heads, **theirs}, {**given, **dict.fromkeys(theirs, lists)}
    yield "bias_words", bias_words(heads, given, features=STRONGEST, identity=identity_words(settings.identity))


def counterfactuals(run: Run, questions: list[Task], settings: DebugSettings) -> Iterator[tuple[str, Finding]]:
    """Test sentences changed as Algorithm 3 says and by the best substitution, one finding a question."""
    _text_only(run)
    words = clouds(run, _heads(run, questions), STRONGEST, settings)
    network, seed = sources.same_backbone(run, settings.model), run.config.data.seed
    memory: dict[str, Tensor] = {}
    for number, task in enumerate(questions):
        rows = drawn(task.rows["test"], settings.examples, seed)
        texts = [(run.table.texts or [])[int(row)] for row in rows]
        run.progress.start("changed sentences", len(texts))
        found = counterfactual_text(
            task.heads, texts, words, lambda t: _encode(network, t, memory), TextOptions(seed=seed)
        )
        run.progress.finish()
        yield named("counterfactual_text", number, task, of_table(found, rows))


def drawn(rows: Tensor, count: int, seed: int) -> Tensor:
    """``count`` of these rows at random, in their order."""
    pick = torch.randperm(len(rows), generator=torch_generator(seed, "changed examples"))[:count]
    return rows[pick.sort().values]


def clouds(run: Run, heads: dict[str, SparseHead], strongest: int, settings: DebugSettings) -> Clouds:
    """Words that raise and lower the strongest features of each class of these heads.

    The sentences explained for the run before serve again; without any, so many of them are explained now.
    """
    features = sorted({j for head in heads.values() for c in range(head.n_classes) for j in _top(head, c, strongest)})
    network, examples = sources.same_backbone(run, settings.model), sources.examples(run)
    numbers = sources.example_numbers(run, examples)
    if len(numbers) != len(examples):
        examples = examples.subset(numbers)
    subject = E.Subject(run.table, run.head, backbone=network, examples=examples, shown=_shown(run))
    table = E.words(subject, features, run.folder, _options(run, settings), run.progress).tables["words"]
    found: Clouds = {j: {"positive": [], "negative": []} for j in features}
    for row in table.rows():
        found[row["feature"]]["positive" if row["sign"] > 0 else "negative"].append(row["word"])
    return found


def _top(head: SparseHead, class_: int, count: int) -> list[int]:
    return [j for j, _ in head.top_features(class_, count)]


def _options(run: Run, settings: DebugSettings) -> E.WordsOptions:
    """As the run's words were found, unless asked otherwise; no pictures, and words as they are."""
    before = next((f.settings for f in run.findings if f.kind == "words"), {})
    masks = settings.masks or before.get("lime", {}).get("samples", MASKS)
    sentences = settings.sentences or (before["sentences"] if before else SENTENCES)
    return E.WordsOptions(lime=E.LimeOptions(samples=masks, bootstrap=0), sentences=sentences, checked=0, clouds=None)


def _shown(run: Run) -> Tensor:
    return torch.cat([run.split.val, run.split.test]).sort().values


def _heads(run: Run, questions: list[Task]) -> dict[str, SparseHead]:
    if questions and "sparse" not in questions[0].heads:
        return {NETWORK: network_head(run)}
    return {"sparse": run.head, "dense": run.dense}


def _encode(network: Backbone, texts: list[str], memory: dict[str, Tensor]) -> Tensor:
    """Features of texts; one that comes again (for another head) is not run again."""
    new = list(dict.fromkeys(text for text in texts if text not in memory))
    for start in range(0, len(new), 128):
        batch = new[start : start + 128]
        with torch.inference_mode():
            made = network.features(network.preprocess(batch)).float().cpu()
        memory.update(zip(batch, made, strict=True))
    return torch.stack([memory[text] for text in texts])


def _text_only(run: Run) -> None:
    if run.table.kind != "text":
        raise SettingError("words are for runs over texts")
