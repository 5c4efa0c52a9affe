"""The demo: the main job on digits with a planted shortcut, told in one sentence."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clearhead.core.progress import Progress
from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples
from clearhead.runs import digits
from clearhead.runs.digits import Digits
from clearhead.runs.run import Run

__all__ = ["Story", "demo", "network", "testing", "training"]

MARKED = 8
SEED = 0


@dataclass(frozen=True)
class Story:
    """What the demo found. Accuracies are shares of the 900 test digits."""

    run: str
    report: str
    marked_class: str
    n_test: int
    accuracy_without_mark: float
    accuracy_with_mark: float
    accuracy_dense: float | None
    accuracy_reference: float
    features_per_class: float
    n_features: int
    worst_gap: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def text(self) -> str:
        """One plain sentence, and where the report is."""
        return (
            f"A sparse head with {self.features_per_class:.1f} of {self.n_features} features a class is right on "
            f"{self.accuracy_without_mark:.1%} of {self.n_test} unmarked test digits, but on only "
            f"{self.accuracy_with_mark:.1%} once each carries the mark that 95 % of the training images of "
            f"{self.marked_class} had (the same network trained without marks: {self.accuracy_reference:.1%} unmarked)."
            "\n"
            f"report: {self.report}"
        )


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
    """Run the main job on the digits and measure what the mark does to the sparse head."""
    here = "clearhead.runs.demo"
    parts = {"model": f"{here}:network", "data": f"{here}:training", "test": f"{here}:testing"}
    run = Run(out, progress=progress, n_lambdas=60, batch_size=256, **parts)
    summary = run()
    train, test = digits.plant(MARKED, SEED)
    plain = Digits(digits.plant(MARKED, SEED)[0].images.copy(), train.labels, np.zeros(len(train.labels), bool))
    plain.images[:, : digits.MARK, : digits.MARK] = 0.0
    reference = digits.train(plain, SEED)
    return Story(
        run=str(out),
        report=str(summary.report),
        marked_class=class_names()[MARKED],
        n_test=len(test.labels),
        accuracy_without_mark=_accuracy(run, test),
        accuracy_with_mark=_accuracy(run, test.with_mark(np.ones(len(test.labels), bool))),
        accuracy_dense=summary.dense_accuracy,
        accuracy_reference=float((reference(_pixels(test)).argmax(1).numpy() == test.labels).mean()),
        features_per_class=summary.features_per_class,
        n_features=summary.p,
        worst_gap=summary.worst_gap,
    )


def _pixels(data: Digits) -> torch.Tensor:
    return torch.from_numpy(data.images)[:, None]


def _accuracy(run: Run, data: Digits) -> float:
    answers = run.predict([digits.draw(image) for image in data.images])
    right = [a["class"] == class_names()[c] for a, c in zip(answers, data.labels, strict=True)]
    return float(np.mean(right))
