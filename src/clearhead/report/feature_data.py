"""What the page shows of each shipped feature: histogram, strongest rows, neighbours, explanations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from clearhead.report.bundle import Bundle, Examples
from clearhead.report.explanations import explanations

__all__ = ["feature_data"]

BINS = 40
TOP = 24
_FEATURES, _ROWS = 512, 512  # correlated at once: what is held beside the sample stays small


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
    """The most correlated other features of each feature over the sample, a few features at a time."""
    n, u = values.shape
    count = min(count, u - 1)
    if n < 3 or count < 1:
        return np.zeros((u, 0), np.int32), np.zeros((u, 0), np.float32)
    mean, deviation = values.mean(0, dtype=np.float64), _deviation(values)
    inverse = np.divide(1.0, deviation, out=np.zeros(u), where=deviation > 0).astype(np.float32)
    neighbours, correlation = np.zeros((u, count), np.int32), np.zeros((u, count), np.float32)
    for start in range(0, u, _FEATURES):
        own = slice(start, min(start + _FEATURES, u))
        matrix = np.zeros((own.stop - start, u), np.float32)
        for rows in _blocks(n):
            unit = (values[rows] - mean.astype(np.float32)) * inverse
            matrix += unit[:, own].T @ unit / n
        matrix[np.arange(own.stop - start), np.arange(start, own.stop)] = 0.0
        best = np.argsort(-np.abs(matrix), 1, kind="stable")[:, :count]
        neighbours[own], correlation[own] = best, np.take_along_axis(matrix, best, 1)
    return neighbours, correlation


def _deviation(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    mean = values.mean(0, dtype=np.float64)
    squares = sum(((values[rows] - mean) ** 2).sum(0) for rows in _blocks(len(values)))
    return np.sqrt(np.asarray(squares) / len(values))


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, n, _ROWS))
