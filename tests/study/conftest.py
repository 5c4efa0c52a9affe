"""Small studies on synthetic heads, images and sentences."""

from __future__ import annotations

import numpy as np
import pytest

from clearhead.study.tasks import (
    Arm,
    Errors,
    Exhibits,
    MisclassificationOptions,
    SimulateOptions,
    SpuriousOptions,
    build_misclassification,
    build_simulate,
    build_spurious,
    top_rows_of_class,
)

N, P, K = 600, 24, 6
NAMES = [f"class {c}" for c in range(K)]


class World:
    """Features, labels, a dense and a sparse head, and pictures of everything."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.labels = rng.integers(K, size=N)
        directions = rng.normal(size=(K, P))
        self.z = directions[self.labels] + rng.normal(size=(N, P)) * 2
        self.dense = np.ascontiguousarray(directions.T)
        self.sparse = np.where(np.abs(self.dense) > 0.8, self.dense, 0.0)
        self.shade = rng.integers(0, 255, size=(N, 3), dtype=np.uint8)
        self.exhibits = Exhibits(
            image=self.image, feature_pictures={j: [np.full((16, 16, 3), 9 * j, np.uint8)] for j in range(P)}
        )
        self.texts = Exhibits(
            texts=[f"sentence number {i}" for i in range(N)],
            feature_words={j: [(f"word{j}", 1.0), ("other", 0.5)] for j in range(P)},
        )

    def image(self, row: int) -> np.ndarray:
        return np.tile(self.shade[row], (24, 24, 1))

    def probabilities(self, weights: np.ndarray) -> np.ndarray:
        logits = self.z @ weights
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def arms(self) -> list[Arm]:
        return [
            Arm("dense", self.dense, self.probabilities(self.dense)),
            Arm("sparse", self.sparse, self.probabilities(self.sparse)),
        ]

    def simulate(self, exhibits=None, **options):
        options = SimulateOptions(**{"classes": 4, "repeats": 3, **options})
        return build_simulate(self.arms(), self.labels, exhibits or self.exhibits, NAMES, options)

    def spurious(self, exhibits=None, **options):
        top = top_rows_of_class(self.z, self.labels)
        options = SpuriousOptions(**{"pairs": 5, **options})
        return build_spurious(self.arms(), top, exhibits or self.exhibits, NAMES, options)

    def misclassification(self, exhibits=None, **options):
        errors = Errors(self.sparse, np.zeros(K), self.z, np.arange(N), self.labels)
        options = MisclassificationOptions(**{"tasks": 20, "only_flips": False, **options})
        return build_misclassification(errors, exhibits or self.exhibits, NAMES, options)

    def build(self, kind: str, **options):
        return getattr(self, kind)(**options)


@pytest.fixture(scope="session")
def world() -> World:
    return World()
