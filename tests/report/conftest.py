"""Bundles for the report's tests: one made up, one from real handwritten digits."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearhead.report.bundle import Bundle, Examples, Explanation, Head, PathPoint
from clearhead.report.reference import Reference


def head_at(rng: np.random.Generator, p: int, k: int, per_class: int, **named: Any) -> Head:
    weight = np.zeros((p, k))
    for c in range(k):
        rows = rng.choice(p, min(per_class, p), replace=False)
        weight[rows, c] = rng.normal(size=len(rows))
    return Head.from_matrix(weight, rng.normal(size=k), **named)


def synthetic(n: int = 120, p: int = 30, k: int = 6, n_heads: int = 5, seed: int = 0, **changes: Any) -> Bundle:
    """A bundle of random numbers with consistent shapes."""
    rng = np.random.default_rng(seed)
    path = [
        PathPoint(
            lambda_=10.0**-i,
            features_per_class=float(i + 1),
            features_used=min(p, (i + 1) * 2),
            density=(i + 1) / p,
            gap=1e-5,
            status="Converged",
            val=0.4 + 0.5 * i / n_heads,
            test=0.39 + 0.5 * i / n_heads,
            fidelity=0.8,
        )
        for i in range(n_heads)
    ]
    heads = [head_at(rng, p, k, i + 1, lambda_=10.0**-i, point=i) for i in range(n_heads)]
    features = np.unique(np.concatenate([h.feature for h in heads]))
    examples = Examples(
        features=features,
        values=rng.normal(size=(n, len(features))).astype(np.float32),
        labels=rng.integers(0, k, n),
        split=["train", "val", "test"] * (n // 3) + ["test"] * (n % 3),
        uris=[f"row {i}" for i in range(n)],
    )
    given: dict[str, Any] = {
        "title": "A synthetic run",
        "kind": "array",
        "class_names": [f"class {c}" for c in range(k)],
        "feature_names": [f"feature {j}" for j in range(p)],
        "path": path,
        "heads": heads,
        "selected": n_heads // 2,
        "examples": examples,
        "dense": Reference.of(rng.normal(size=(p, k)), name="dense"),
        "dense_scores": {"val": 0.92, "test": 0.91},
        "split_sizes": {"train": 400, "val": 100, "test": 100},
        "provenance": {"versions": {"clearhead": "0.1.0"}, "seed": seed},
    }
    return Bundle(**(given | changes))


def digits_bundle() -> Bundle:
    """Pixels of scikit-learn's digits as features and L1-penalised logistic heads along a path."""
    import warnings

    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    data = load_digits()
    X, y = data.data, data.target
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    train, val, test = order[:1000], order[1000:1300], order[1300:]
    mean, scale = X[train].mean(0), X[train].std(0)
    z = (X - mean) * np.divide(1.0, scale, out=np.zeros(64), where=scale > 0)

    heads, path = [], []
    for i, strength in enumerate(np.geomspace(0.005, 1, 12)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LogisticRegression(penalty="l1", C=strength, solver="saga", max_iter=60).fit(z[train], y[train])
        head = Head.from_matrix(model.coef_.T, model.intercept_, lambda_=1 / (strength * 1000), point=i)
        heads.append(head)
        score = {
            name: float((head.scores(z[rows], np.arange(64)).argmax(1) == y[rows]).mean())
            for name, rows in (("train", train), ("val", val), ("test", test))
        }
        path.append(
            PathPoint(
                lambda_=head.lambda_ or 0.0,
                features_per_class=len(head.weight) / 10,
                features_used=len(head.used()),
                density=len(head.weight) / 640,
                gap=2e-5,
                status="Converged",
                **score,
            )
        )
    used = np.unique(np.concatenate([h.feature for h in heads]))
    split = np.empty(len(y), object)
    split[train], split[val], split[test] = "train", "val", "test"
    examples = Examples(
        features=used,
        values=z[:, used].astype(np.float32),
        labels=y,
        split=list(split),
        uris=[f"digits/{i:04d}.png" for i in range(len(y))],
        thumbnails=[png(image) for image in data.images],
        note="Every digit of the data set.",
    )
    return Bundle(
        title="Handwritten digits",
        kind="image",
        class_names=["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        feature_names=[f"pixel {j // 8},{j % 8}" for j in range(64)],
        path=path,
        heads=heads,
        selected=6,
        examples=examples,
        dense=Reference.of(rng.normal(size=(64, 10)) * 0.1 + heads_matrix(heads[-1])),
        dense_scores={"val": path[-1].val or 0, "test": path[-1].test or 0},
        split_sizes={"train": 1000, "val": 300, "test": 497},
        explanations={
            int(used[0]): [Explanation("words", "A made-up word list", words=(("dark", 1.0), ("light", -0.4)))]
        },
        provenance={"data": {"name": "scikit-learn digits", "licence": "BSD-3-Clause"}, "seed": 0},
    )


def heads_matrix(head: Head) -> np.ndarray[Any, Any]:
    weight = np.zeros((64, 10))
    weight[head.feature, head.column] = head.weight
    return weight


def png(image: np.ndarray[Any, Any]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray((255 - image * 255 / 16).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def make_bundle() -> Callable[..., Bundle]:
    return synthetic


@pytest.fixture(scope="session")
def digits() -> Bundle:
    return digits_bundle()
