"""What the page shows of each shipped feature: histogram, strongest rows, neighbours, explanations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from clearhead.report.bundle import Bundle, Examples
from clearhead.report.explanations import explanations

__all__ = ["feature_data"]

BINS = 40
TOP = 24


def feature_data(bundle: Bundle) -> dict[str, Any]:
    examples = bundle.examples
    values = np.asarray(examples.values, np.float32)
    counts = np.zeros((values.shape[1], BINS), np.uint32)
    edges = np.zeros((values.shape[1], 2), np.float32)
    for column in range(values.shape[1] if len(values) else 0):
        count, edge = np.histogram(values[:, column], BINS)
        counts[column], edges[column] = count, (edge[0], edge[-1])
    neighbours, correlation = _correlated(values)
    return {
        "bins": BINS,
        "count": counts,
        "edge": edges,
        "top": _top_rows(bundle),
        "neighbours": neighbours,
        "correlation": correlation,
        "n_neighbours": neighbours.shape[1] if neighbours.ndim == 2 else 0,
        "explanations": _explanations(bundle),
    }


def _explanations(bundle: Bundle) -> list[list[dict[str, Any]]]:
    """Given ones first, then those that findings hold."""
    found = explanations(bundle.findings)
    both = ([*bundle.explanations.get(j, ()), *found.get(j, ())] for j in bundle.examples.features.tolist())
    return [[asdict(e) for e in list_] for list_ in both]


def _top_rows(bundle: Bundle) -> list[list[int]]:
    examples: Examples = bundle.examples
    values = np.asarray(examples.values)
    tops = []
    for place, feature in enumerate(examples.features):
        given = bundle.exemplars.get(int(feature))
        rows = np.argsort(-values[:, place], kind="stable")[:TOP] if given is None else given
        tops.append([int(i) for i in rows])
    return tops


def _correlated(values: np.ndarray[Any, Any], count: int = 6) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The most correlated other features of each feature over the sample."""
    n, u = values.shape
    count = min(count, u - 1)
    if n < 3 or count < 1:
        return np.zeros((u, 0), np.int32), np.zeros((u, 0), np.float32)
    centred = values - values.mean(0)
    norm = np.sqrt((centred**2).sum(0))
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
    matrix = unit.T @ unit
    np.fill_diagonal(matrix, 0.0)
    best = np.argsort(-np.abs(matrix), 1, kind="stable")[:, :count]
    return best.astype(np.int32), np.take_along_axis(matrix, best, 1).astype(np.float32)
