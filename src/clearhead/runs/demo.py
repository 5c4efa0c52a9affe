"""The demo: the main job on digits with a planted shortcut, told in one sentence."""

from __future__ import annotations

import functools
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clearhead.core.progress import Progress
from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples
from clearhead.head import read_edits
from clearhead.runs import digits
from clearhead.runs.digits import Digits
from clearhead.runs.run import Run

__all__ = ["Story", "demo", "network", "testing", "training"]

MARKED = 8
SEED = 0


@dataclass(frozen=True)
class Story:
    """What the demo found and mended. Accuracies are shares of the 900 test digits; the reference is the same network
    trained without marks."""

    run: str
    mended_run: str
    report: str
    marked_class: str
    n_test: int
    accuracy_with_mark_before: float
    accuracy_with_mark_after: float
    accuracy_without_mark_before: float
    accuracy_without_mark_after: float
    accuracy_reference: float
    suspect_features: list[str]
    removed_features: list[str]
    features_per_class: float
    n_features: int
    worst_gap: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def text(self) -> str:
        """The story in one sentence a line, and where the report is."""
        return (
            f"Before: a sparse head with {self.features_per_class:.1f} of {self.n_features} features a class is right "
            f"on {self.accuracy_without_mark_before:.1%} of {self.n_test} unmarked test digits, and on "
            f"{self.accuracy_with_mark_before:.1%} when each carries the mark of {self.marked_class}.\n"
            f"Suspects, from the training pictures alone: {', '.join(self.suspect_features)}.\n"
            f"After the suggested repair ({len(self.removed_features)} features removed, the rest fitted again on "
            "recombined pictures): "
            f"{self.accuracy_without_mark_after:.1%} unmarked, {self.accuracy_with_mark_after:.1%} marked "
            f"(the same network trained without marks: {self.accuracy_reference:.1%}).\n"
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
    return Story(
        run=str(out),
        mended_run=str(mended.folder),
        report=str(mended.report()),
        marked_class=class_names()[MARKED],
        n_test=len(test.labels),
        accuracy_with_mark_before=_accuracy(run, marked),
        accuracy_with_mark_after=_accuracy(mended, marked),
        accuracy_without_mark_before=_accuracy(run, test),
        accuracy_without_mark_after=_accuracy(mended, test),
        accuracy_reference=_reference(test),
        suspect_features=[str(name) for name in finding.tables["suspects"].columns["feature"][:3]],
        removed_features=[run.head.feature_names[int(e.feature)] for e in read_edits(out_mended / "edits.json")],
        features_per_class=summary.features_per_class,
        n_features=summary.p,
        worst_gap=summary.worst_gap,
    )


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
