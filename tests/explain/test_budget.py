"""The cost that is announced is the work that is done."""

from __future__ import annotations

import dataclasses

import pytest

from clearhead.explain import estimate, image_explainer, sentences, superpixels, visualize, words

from .planted import image_subject, text_subject
from .test_superpixels import FAST as SUPERPIXELS
from .test_visualize import FAST as VISUALIZE
from .test_words import FAST as WORDS


def test_passes_of_superpixels_and_visualisations_are_those_made(tmp_path, monkeypatch):
    subject = image_subject(tmp_path / "table", 0)
    costs = estimate(subject, [0, 1, 3], superpixels=SUPERPIXELS, visualize=VISUALIZE)
    assert [cost.kind for cost in costs] == ["superpixels", "visualization"]
    assert all(cost.seconds > 0 and cost.bytes > 0 for cost in costs)
    forward, passes = image_explainer.ImageExplainer.features, []

    def counted(self, pictures):
        passes.append(len(pictures))
        return forward(self, pictures)

    monkeypatch.setattr(image_explainer.ImageExplainer, "features", counted)
    finding = superpixels(subject, [0, 1, 3], tmp_path, SUPERPIXELS)
    assert costs[0].items == finding.numbers["images"]
    assert sum(passes) == costs[0].passes
    assert costs[1].items == visualize(subject, [0, 1, 3], tmp_path, VISUALIZE).numbers["pictures"]
    assert costs[1].passes == costs[1].items * VISUALIZE.ascent.steps


def test_passes_of_words_are_about_those_made(tmp_path, monkeypatch):
    subject = text_subject(tmp_path / "table", 0)
    (cost,) = estimate(subject, [0], words=dataclasses.replace(WORDS, checked=0))
    embed, passes = sentences.embed, []

    def counted(features, texts, batch=64):
        passes.append(len(texts))
        return embed(features, texts, batch)

    monkeypatch.setattr(sentences, "embed", counted)
    words(subject, [0], tmp_path, dataclasses.replace(WORDS, checked=0))
    assert sum(passes) == pytest.approx(cost.passes, rel=0.01)
    assert cost.items == 30


def test_nothing_to_explain_costs_nothing(tmp_path):
    (cost,) = estimate(text_subject(tmp_path / "table", 0, ["", "!"]), [0], words=WORDS)
    assert (cost.passes, cost.bytes) == (0, 0)
