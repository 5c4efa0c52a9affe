"""The run in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from clearhead.core.finding import Finding
from clearhead.report.bundle import Bundle, Head
from clearhead.report.verdict import certificate, verdict

Make = Callable[..., Bundle]


def told(kind: str) -> Finding:
    return Finding(kind=kind, title="", sentence=f"It is about {kind}.")


def test_three_sentences_and_the_most_telling_finding(make_bundle: Make) -> None:
    sentences = verdict(make_bundle(findings=[told("confusion"), told("suspects"), told("tradeoff")]))
    assert len(sentences) == 3
    assert "test accuracy" in sentences[0]
    assert "below dense (91.0%)" in sentences[0]
    assert "80.0%" in sentences[1]
    assert sentences[2] == "It is about suspects."


def test_nothing_is_said_that_is_not_known(make_bundle: Make) -> None:
    bundle = make_bundle(path=[], dense=None, dense_scores={}, findings=[])
    bundle = replace(bundle, heads=[replace(h, point=None) for h in bundle.heads])
    assert verdict(bundle) == [
        f"{len(bundle.head.weight) / 6:.3g} features a class, "
        f"{len(bundle.head.used())} of 30 in all, tell 6 classes apart."
    ]
    assert "nothing is known" in certificate(bundle)


def test_many_labels_are_not_told_apart(make_bundle: Make) -> None:
    bundle = make_bundle()
    several = np.eye(6, dtype=np.int64)[np.maximum(bundle.examples.labels, 0)]
    bundle = replace(bundle, examples=replace(bundle.examples, labels=several))
    assert "decide on 6 labels, each by itself" in verdict(bundle)[0]


def test_a_head_that_did_not_converge_is_named(make_bundle: Make) -> None:
    bundle = make_bundle()
    path = [replace(p, status="IterationLimit", gap=0.02) if i == 2 else p for i, p in enumerate(bundle.path)]
    text = certificate(replace(bundle, path=path))
    assert "IterationLimit" in text
    assert "4 of 5 points" in text


def test_an_edited_head_is_no_optimum(make_bundle: Make) -> None:
    bundle = make_bundle()
    edited: Head = replace(bundle.head, point=None, name="edited head")
    made = replace(bundle, heads=[*bundle.heads, edited], selected=len(bundle.heads), scores={"test": 0.5})
    assert "edited" in certificate(made)
    assert "50.0% test accuracy" in verdict(made)[0]
