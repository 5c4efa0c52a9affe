"""The demo: the main job on digits with a planted shortcut, told in one sentence."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from clearhead.core.progress import Progress
from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples
from clearhead.head import read_edits
from clearhead.runs import digits
from clearhead.runs.digits import Digits
from clearhead.runs.run import Run
from clearhead.runs.story import SUSPECTS, Story

__all__ = ["demo", "network", "testing", "training"]

MARKED = 8
SEED = 0


def network() -> Backbone:
    """The small network, trained on the marked digits in a few seconds, deterministic."""
    return Backbone.from_module(_trained(), digits.preprocess, kind="image", class_names=class_names())


@functools.cache
def _trained() -> digits.SmallNet:
    return digits.train(digits.plant(MARKED, SEED)[0], SEED)


def training() -> Examples:
    """The training digits, one class marked."""
    return _examples(digits.plant(MARKED, SEED)[0], "train")


def testing() -> Examples:
    """The 900 unmarked test digits."""
    return _examples(digits.plant(MARKED, SEED)[1], "test")


def class_names() -> list[str]:
    """ "digit 0" … "digit 9"."""
    return [f"digit {c}" for c in range(10)]


def _examples(data: Digits, part: str) -> Examples:
    return Examples(
        lambda i: digits.draw(data.images[i]),
        len(data.labels),
        kind="image",
        labels=data.labels,
        class_names=class_names(),
        uris=[f"{part} digit {i}" for i in range(len(data.labels))],
        key=f"digits {MARKED} {SEED} {part}",
    )


def demo(out: Path, progress: Progress) -> Story:
    """Run the main job on the marked digits, let the tool find and mend what is wrong, and measure both heads."""
    here = "clearhead.runs.demo"
    parts = {"model": f"{here}:network", "data": f"{here}:training", "test": f"{here}:testing"}
    run = Run(out, progress=progress, n_lambdas=60, lambda_min_ratio=1e-2, batch_size=256, **parts)
    summary = run()
    finding = run.suspect()
    # The mended run lies beside the one it came from, and is made anew with it.
    out_mended = out.with_name(f"{out.name}-mended")
    shutil.rmtree(out_mended, ignore_errors=True)
    mended = run.mend(out_mended)
    _, test = digits.plant(MARKED, SEED)
    marked = test.with_mark(np.ones(len(test.labels), bool))
    story = Story(
        run=str(out),
        mended_run=str(mended.folder),
        report="",
        marked_class=class_names()[MARKED],
        n_test=len(test.labels),
        accuracy_with_mark_before=_accuracy(run, marked),
        accuracy_with_mark_after=_accuracy(mended, marked),
        accuracy_without_mark_before=_accuracy(run, test),
        accuracy_without_mark_after=_accuracy(mended, test),
        accuracy_reference=_reference(test),
        suspect_features=[str(name) for name in finding.tables["suspects"].columns["feature"][:SUSPECTS]],
        removed_features=[run.head.feature_names[int(e.feature)] for e in read_edits(out_mended / "edits.json")],
        features_per_class=summary.features_per_class,
        n_features=summary.p,
        worst_gap=summary.worst_gap,
    )
    # Last, so that the page tells it.
    story.finding(finding).save(mended.folder / "findings" / "story.json")
    return replace(story, report=str(mended.report()))


def _reference(test: Digits) -> float:
    """Accuracy of the same network trained on the same digits without marks."""
    train, _ = digits.plant(MARKED, SEED)
    images = train.images.copy()
    images[:, : digits.MARK, : digits.MARK] = 0.0
    net = digits.train(Digits(images, train.labels, np.zeros(len(images), bool)), SEED)
    with torch.no_grad():
        return float((net(_pixels(test)).argmax(1).numpy() == test.labels).mean())


def _pixels(data: Digits) -> torch.Tensor:
    return torch.from_numpy(data.images)[:, None]


def _accuracy(run: Run, data: Digits) -> float:
    answers = run.predict([digits.draw(image) for image in data.images])
    right = [a["class"] == class_names()[c] for a, c in zip(answers, data.labels, strict=True)]
    return float(np.mean(right))
