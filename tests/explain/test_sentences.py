"""Sentences without words, their pool of masked copies, and their LIME weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clearhead.explain.lime import LimeOptions, word_masks
from clearhead.explain.sentences import Words, draw, embed, explain_sentences, leave_one_out

from .planted import HATED, LIKED, liked_minus_hated, reviews
from .test_lime import lime_coefficients


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" … !", ()),
        ("Fine", ("fine",)),
        ("It's well-made, isn't it?", ("it's", "well-made", "isn't", "it")),
        ("Größe, größe; 映画", ("größe", "映", "画")),
    ],
)
def test_words_and_their_sentence(text, words):
    cut = Words.of(text)
    assert cut.words == words
    assert "".join(cut.pieces) == text
    assert cut.without([]) == text


def test_leaving_a_word_out_removes_all_its_occurrences():
    cut = Words.of("no, no, Nanette")
    assert cut.counts == [2, 1]
    assert cut.without([0]) == ", , Nanette"


def test_embedding_sends_each_text_once_and_keeps_the_order():
    sent: list[str] = []

    def features(texts: list[str]) -> torch.Tensor:
        sent.extend(texts)
        return torch.tensor([[float(len(t))] for t in texts])

    texts = ["ccc", "a", "ccc", "", "bb", "a"]
    assert embed(features, texts, batch=2).flatten().tolist() == [3, 1, 3, 0, 2, 1]
    assert sorted(sent) == ["", "a", "bb", "ccc"]


def test_weights_are_the_lime_packages_on_the_same_masks():
    cut = Words.of(f"a {LIKED} film with {HATED} music and a new plot")
    masks = word_masks(len(cut.words), 200, 0)
    bent = lambda texts: torch.tanh(liked_minus_hated(texts) + 0.3)  # noqa: E731
    fit = explain_sentences(bent, [cut], LimeOptions(bootstrap=0), masks=[masks])[0]
    targets = bent([cut.without((~row).nonzero().flatten().tolist()) for row in masks.present])
    assert np.abs(fit.coef.numpy() - lime_coefficients(masks, targets, 100.0)).max() < 1e-10


def test_a_sentence_is_explained_alike_alone_and_among_others():
    cut = [Words.of(text) for text in reviews(0)[:6]]
    together = explain_sentences(liked_minus_hated, cut, LimeOptions(samples=100, bootstrap=0), seed=4)
    alone = explain_sentences(liked_minus_hated, cut[3:4], LimeOptions(samples=100, bootstrap=0), seed=4)[0]
    assert torch.equal(together[3].coef, alone.coef)


def test_one_word_has_two_masks():
    cut = Words.of(LIKED)
    assert len(draw(cut, LimeOptions(samples=500), 0)) == 2
    fit = explain_sentences(liked_minus_hated, [cut], LimeOptions(ridge=0.0))[0]
    assert fit.coef[0, 0] == pytest.approx(1.0)


def test_leave_one_out_is_the_exact_fall():
    fall = leave_one_out(liked_minus_hated, [Words.of(f"a {LIKED} {HATED} film"), Words.of("a film")])
    assert fall[0][:, 0].tolist() == [0, 1, -1, 0]
    assert fall[1].shape == (2, 2)
