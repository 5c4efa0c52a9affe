"""The corpus explained: planted words, resuming, and sentences a user might have."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from PIL import Image

from clearhead.core.errors import ModelError
from clearhead.core.finding import Finding
from clearhead.explain import corpus
from clearhead.explain.lime import LimeOptions
from clearhead.explain.wordcloud import CloudOptions
from clearhead.explain.words import WordsOptions, words

from .planted import HATED, LIKED, reviews, text_subject

FAST = WordsOptions(lime=LimeOptions(samples=150, bootstrap=0), minimum=2, checked=32, clouds=None)


def ranked(finding: Finding, feature: int, sign: int) -> list[dict]:
    return [r for r in finding.tables["words"].rows() if r["feature"] == feature and r["sign"] == sign]


@pytest.mark.parametrize("seed", range(10))
def test_planted_words_rank_first_with_the_right_sign(tmp_path, seed):
    subject = text_subject(tmp_path / "table", seed)
    finding = words(subject, [0], tmp_path, dataclasses.replace(FAST, seed=seed))
    up, down = ranked(finding, 0, 1)[0], ranked(finding, 0, -1)[0]
    assert up["word"] == LIKED
    assert down["word"] == HATED
    assert up["low"] > 0 > down["high"]
    assert up["sentences"] == sum(LIKED in text for text in reviews(seed))
    assert finding.numbers["deletion_gain_in_sentence"].low > 0


def test_lists_made_elsewhere_are_faithful_to_sentences_they_did_not_see(tmp_path):
    subject = text_subject(tmp_path / "table", 0, reviews(0, 96))
    gain = words(subject, [0], tmp_path, FAST).numbers["deletion_gain_of_lists"]
    assert gain.low > 0
    assert gain.n <= 32


def test_clouds_are_drawn_redacted_and_alike(tmp_path):
    options = dataclasses.replace(FAST, clouds=CloudOptions(redact=lambda word: word == HATED))
    subject = text_subject(tmp_path / "table", 0)
    first = words(subject, [0, 2], tmp_path / "a", options)
    second = words(subject, [0, 2], tmp_path / "b", options)
    assert set(first.media) == {"0+", "0-"}
    with Image.open(tmp_path / "a" / first.media["0-"]) as picture:
        assert picture.size == (480, 320)
    for name in first.media:
        assert (tmp_path / "a" / first.media[name]).read_bytes() == (tmp_path / "b" / second.media[name]).read_bytes()
    assert ranked(first, 0, -1)[0]["word"] == "d·······"


def test_a_corpus_resumes_where_it_was_interrupted(tmp_path, monkeypatch):
    texts = reviews(1, 70)
    whole = words(text_subject(tmp_path / "table", 1, texts), [0, 1], tmp_path / "whole", FAST)
    subject = text_subject(tmp_path / "again", 1, texts)
    explain, calls = corpus._explain, []

    def interrupted(*args):
        calls.append(len(args[1]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return explain(*args)

    monkeypatch.setattr(corpus, "_explain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        words(subject, [0, 1], tmp_path, FAST)
    resumed = words(subject, [0, 1], tmp_path, FAST)
    assert calls == [32, 32, 32, 6]
    assert resumed.as_dict()["tables"] == whole.as_dict()["tables"]


def test_other_features_of_an_explained_corpus_cost_nothing(tmp_path, monkeypatch):
    subject = text_subject(tmp_path / "table", 1)
    words(subject, [0], tmp_path, FAST)
    monkeypatch.setattr(corpus, "_explain", lambda *_: pytest.fail("the network ran again"))
    assert ranked(words(subject, [1], tmp_path, FAST), 1, 1)


def test_empty_one_word_and_constant_inputs(tmp_path):
    subject = text_subject(tmp_path / "table", 0, ["", "!?", LIKED, HATED, f"a {LIKED} film", f"a {HATED} film", "a"])
    finding = words(subject, [0, 2], tmp_path, FAST)
    assert finding.numbers["sentences"] == 5
    assert any("2 sentences without any word" in note for note in finding.caveats)
    assert ranked(finding, 0, 1)[0]["word"] == LIKED
    assert ranked(finding, 2, 1) == ranked(finding, 2, -1) == []
    finding.save(tmp_path / "words.json")
    assert Finding.load(tmp_path / "words.json").sentence == finding.sentence


def test_only_wordless_sentences(tmp_path):
    finding = words(text_subject(tmp_path / "table", 0, ["", "...", "!"]), [0], tmp_path, FAST)
    assert "nothing could be explained" in finding.sentence


def test_a_network_left_in_training_mode_is_evaluated_and_left_as_it_was(tmp_path):
    subject = text_subject(tmp_path / "table", 0)
    calm = words(subject, [0], tmp_path / "calm", FAST)
    subject.backbone.model.train()
    noisy = words(subject, [0], tmp_path / "noisy", FAST)
    assert calm.tables["words"].columns == noisy.tables["words"].columns
    assert subject.backbone.model.training
    assert subject.backbone.model.dropout.training


def test_without_a_network_the_error_says_so(tmp_path):
    subject = dataclasses.replace(text_subject(tmp_path / "table", 0), backbone=None)
    with pytest.raises(ModelError, match="runs the network again"):
        words(subject, [0], tmp_path, FAST)


def test_the_sample_grows_without_changing(tmp_path):
    subject = text_subject(tmp_path / "table", 0)
    assert words(subject, [0], tmp_path, dataclasses.replace(FAST, sentences=5)).numbers["sentences"] == 5
    from clearhead.explain.words import sample_rows

    rows = torch.arange(100)
    assert torch.equal(sample_rows(rows, 10, 3), sample_rows(rows, 50, 3)[:10])
