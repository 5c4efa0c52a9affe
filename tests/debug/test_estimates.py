"""Every finding of this floor: what it estimates states n, an interval and a method; what it suggests, its limits."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead import debug as D
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.glm import Multinomial, fit_path
from clearhead.head import Edit, SparseHead

NAMES = {"class_names": ["a", "b", "c"], "feature_names": [f"f{j}" for j in range(5)]}
CLOUDS = {j: {"positive": ["good", "women"], "negative": ["bad"]} for j in range(5)}
TEXTS = ["a good film", "bad women", "women are good", "no word", "a bad film", "good"] * 10


class World:
    """Sixty noisy rows of three classes, a path of heads over them, and pictures and sentences for its features."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.y = torch.arange(60) % 3
        noise = torch.from_numpy(rng.normal(0, 0.8, (60, 5)))
        self.X = (torch.nn.functional.one_hot(self.y, 5) + noise).float()
        self.path = fit_path(self.X, self.y, loss=Multinomial(), n_lambdas=5, lambda_min_ratio=0.05)
        self.head = SparseHead.from_solution(self.path[3], **NAMES)
        self.dense = SparseHead.from_solution(self.path[4], **NAMES)
        self.heads = {"sparse": self.head, "dense": self.dense}
        self.guess = self.head.predict(self.X)
        self.images = [Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)) for _ in range(60)]

    def featurize(self, images: list[Image.Image]) -> torch.Tensor:
        x = torch.from_numpy(np.stack([np.asarray(image) for image in images])).float() / 64
        return torch.cat([x.mean((1, 2)), x[:, 2:6, 2:6, :2].mean((1, 2))], 1)

    def encode(self, texts: list[str]) -> torch.Tensor:
        counts = [[t.count("good"), t.count("bad"), t.count("women"), len(t) % 3, len(t) % 5] for t in texts]
        return torch.tensor(counts).float()

    def suspects(self) -> Finding:
        return D.suspects(self.head, self.evidence())

    def evidence(self) -> D.Evidence:
        swapped = self.swapped()
        self.cue = D.cue_from_surroundings(self.head, swapped, self.X)
        return D.gather_evidence(self.head, self.X, self.y, self.cue, swapped=swapped)

    def swapped(self) -> D.Swapped:
        return D.swap_surroundings(self.images, self.y, self.featurize, swap=D.Swap(count=120))

    def removals(self) -> Finding:
        evidence, options = self.evidence(), D.SuggestOptions(limit=2, n_lambdas=5)
        rows = D.Material(self.X, self.y)
        plan = D.suggest_removals(self.head, rows, evidence, self.cue, options, swapped=self.swapped())
        return D.removals(self.head, plan)

    def repair(self) -> Finding:
        part = D.Part(self.X, self.y, ["x", "y"] * 30)
        after = D.edited(self.head, [Edit(0)], allow_empty=True)
        return D.repair(self.head, after, {"test": part}, edits=[Edit(0)], gap=1e-6)

    def pasted(self) -> Finding:
        masks = [D.surround_mask((8, 8))] * 20
        sources = {"patterns": self.images[20:40], "controls": self.images[40:]}
        return D.counterfactual_image(self.heads, self.featurize, self.images[:20], masks, target="a", **sources)

    def bias_errors(self) -> Finding:
        toxic = torch.arange(60) % 2
        return D.bias_errors(TEXTS, toxic, {"sparse": (self.guess > 0).long()})


MAKE: dict[str, Callable[[World], Finding]] = {
    "ablation": lambda w: D.ablation(w.heads, w.X, w.y, k=1),
    "bias_errors": World.bias_errors,
    "bias_words": lambda w: D.bias_words(w.heads, CLOUDS),
    "compare": lambda w: D.compare(w.dense, w.head, w.X, w.y),
    "confusion": lambda w: D.confusion(w.head, w.X, w.y, permutations=50),
    "counterfactual_image": World.pasted,
    "counterfactual_text": lambda w: D.counterfactual_text(w.heads, TEXTS[:12], CLOUDS, w.encode),
    "features_per_class": lambda w: D.features_per_class(w.head),
    "fidelity": lambda w: D.fidelity({"test": w.guess}, {"test": w.y}, {"test": w.y}),
    "misclassified": lambda w: D.misclassified(w.head, w.X, w.y),
    "removals": World.removals,
    "repair": World.repair,
    "spurious": lambda w: D.spurious(w.heads, w.X, w.y),
    "suspects": World.suspects,
    "tradeoff": lambda w: D.tradeoff(w.path, {"val": (w.X, w.y)}, dense={"val": w.guess}, selected=3),
}
COUNTED = {"features_per_class"}
"""Findings that estimate nothing: they count what a head holds."""
BOUNDED = {
    "accuracy": "low",
    "after": "after_low",
    "before": "before_low",
    "change": "low",
    "confusion": "low",
    "cue_correlation": "cue_low",
    "first": "first_low",
    "label_correlation": "label_low",
    "share": "low",
    "val_accuracy": "val_low",
}
"""Columns that estimate something → the column of their lower bound."""
EXACT = {("confusion", "pairs", "share"), ("compare", "weights", "first"), ("compare", "flips", "first")}
"""Of the same name, but no estimates: counted features, weights, and names."""


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_every_analysis_is_walked() -> None:
    functions = {name for name in D.__all__ if callable(getattr(D, name)) and name.islower()}
    returning = {name for name in functions if getattr(D, name).__annotations__.get("return") == "Finding"}
    assert returning == set(MAKE)


@pytest.mark.parametrize("name", MAKE)
def test_what_is_estimated_states_n_interval_and_caveats(name: str, world: World) -> None:
    finding = MAKE[name](world)
    assert finding.kind == name
    estimates = [e for e in finding.numbers.values() if isinstance(e, Estimate)]
    assert finding.caveats or name in COUNTED
    assert estimates or name in COUNTED | {"bias_errors", "spurious"}, "these list rates and pairs in tables"
    for e in estimates:
        assert e.method
        assert e.n > 0 or math.isnan(e.value)
        assert math.isnan(e.value) or e.low <= e.value <= e.high
    for label, number in finding.numbers.items():
        loose = isinstance(number, float) and any(word in label for word in ("accuracy", "rate", "share", "flips"))
        assert not loose, f"{label} is an estimate without n and interval"
    for label, table in finding.tables.items():
        _check_columns(name, label, table)


def _check_columns(kind: str, label: str, table: Table) -> None:
    for column, low in BOUNDED.items():
        if column in table.columns and (kind, label, column) not in EXACT:
            assert low in table.columns, (kind, label, column)
            assert any(c.split("_")[0] == "n" or c.endswith("_n") for c in table.columns), (kind, label, column)
            for row in table.rows():
                assert row[column] is None or row[low] - 1e-12 <= row[column]


def test_what_is_suspicious_is_not_called_spurious(world: World) -> None:
    for name in ("suspects", "spurious"):
        assert any("spurious" in caveat for caveat in MAKE[name](world).caveats)
