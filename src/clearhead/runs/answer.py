"""Answers about new inputs: the prediction, and the features that made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.features.backbone import Backbone
from clearhead.features.images import open_image
from clearhead.head import SparseHead
from clearhead.runs import sources

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["predict", "why"]

BATCH = 64


def predict(run: Run, inputs: list[Any], model: str | None = None) -> list[dict[str, Any]]:
    """For each input: the sparse head's class and probability, and the network's class where it has one to compare."""
    network = sources.same_backbone(run, model)
    features = _features(network, inputs)
    theirs = _network_classes(run, features)
    answers = []
    for i, (name, p) in enumerate(zip(_names(inputs), run.head.probabilities(features).double(), strict=True)):
        answers.append({"input": name, **_verdict(run.head, p), "network": theirs[i]})
    return answers


def why(run: Run, example: Any, n: int = 10, model: str | None = None) -> dict[str, Any]:
    """The prediction for one input, and the ``n`` contributions z·w that moved it most, for and against."""
    network, head = sources.same_backbone(run, model), run.head
    features = _features(network, [example])
    z, probabilities = head.standardize(features)[0], head.probabilities(features)[0].double()
    verdict = _verdict(head, probabilities)
    c = head.class_number(verdict["class"])
    parts, weights = head.contributions(features, c)[0], head.class_weights()[:, c]
    order = [int(j) for j in parts.abs().argsort(descending=True, stable=True) if weights[j] != 0][:n]
    rows = [
        {
            "feature": head.feature_names[j],
            "contribution": float(parts[j]),
            "weight": float(weights[j]),
            "activation": float(z[j]),
            "top_examples": _top_examples(run, j),
        }
        for j in order
    ]
    return {
        "input": _names([example])[0],
        **verdict,
        "network": _network_classes(run, features)[0],
        "features": rows,
        "other_features": float(parts.sum() - parts[order].sum()),
        "intercept": float(head.link.class_weights(head.intercept[None])[0, c]),
    }


def _features(network: Backbone, inputs: list[Any]) -> Tensor:
    if not inputs:
        raise DataError("nothing to predict", fix="give at least one image or text")
    opened = [open_image(Path(x)) if network.kind == "image" and not isinstance(x, Image.Image) else x for x in inputs]
    batches = [opened[i : i + BATCH] for i in range(0, len(opened), BATCH)]
    with torch.no_grad():
        return torch.cat([network.features(network.preprocess(batch)).float().cpu() for batch in batches])


def _verdict(head: SparseHead, probabilities: Tensor) -> dict[str, Any]:
    best = int(probabilities.argmax())
    return {"class": head.class_names[best], "probability": float(probabilities[best])}


def _network_classes(run: Run, features: Tensor) -> list[str | None]:
    if run.table.dense_head is None:
        return [None] * len(features)
    return [run.dense.class_names[int(row.argmax())] for row in run.dense.probabilities(features)]


def _top_examples(run: Run, feature: int, count: int = 3) -> list[str]:
    column = torch.cat([block[:, feature].float() for _, block in run.table.blocks()])
    return [run.table.uris[int(row)] for row in column.topk(min(count, len(column))).indices]


def _names(inputs: list[Any]) -> list[str]:
    return [str(x) if isinstance(x, str | Path) else f"input {content_key(str(i))[:6]}" for i, x in enumerate(inputs)]
