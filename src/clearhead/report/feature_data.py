"""What the page shows of each shipped feature: histogram, strongest rows, neighbours, explanations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from clearhead.report.blocks import blocks
from clearhead.report.bundle import Bundle, Examples, Values
from clearhead.report.explanations import explanations
from clearhead.report.shards import LIMIT

__all__ = ["feature_data"]

BINS = 40
TOP = 24
NEIGHBOURS = 6
FEWEST = 50  # uniform rows that a correlation can be computed from
Array = np.ndarray[Any, Any]


def feature_data(bundle: Bundle) -> dict[str, Any]:
    values = bundle.examples.values
    count, edge, top = _distributions(values)
    neighbours, correlation = _correlated(bundle.examples)
    return {
        "bins": BINS,
        "count": count,
        "edge": edge,
        "top": _top_rows(bundle, top),
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


def _distributions(values: Values) -> tuple[Array, Array, Array]:
    """(u, bins) counts and (u, 2) ends of each feature's histogram, and its (u, t) strongest rows of the sample."""
    n, u = values.shape
    counts, edges = np.zeros((u, BINS), np.uint32), np.zeros((u, 2), np.float32)
    top = np.zeros((u, min(n, TOP)), np.int32)
    for part in blocks(u if n else 0, 4 * n):
        block = np.asarray(values[:, part], np.float32)
        for place in range(part.start, part.stop):
            column = block[:, place - part.start]
            counts[place], edge = np.histogram(column, BINS)
            edges[place] = edge[0], edge[-1]
            top[place] = np.argsort(-column, kind="stable")[:TOP]
    return counts, edges, top


def _top_rows(bundle: Bundle, own: Array) -> list[Any]:
    """The exemplars of each feature, best first: those given (of all rows), else the sample's own."""
    given = (bundle.exemplars.get(int(feature)) for feature in bundle.examples.features)
    return [own[place].tolist() if rows is None else list(rows) for place, rows in enumerate(given)]


def _correlated(examples: Examples) -> tuple[Array, Array]:
    """The most correlated other features of each feature over the uniform sample, some features and rows at a time."""
    values = examples.values
    n, u = values.shape
    count = min(NEIGHBOURS, u - 1)
    if n < 3 or count < 1:
        return np.zeros((u, 0), np.int32), np.zeros((u, 0), np.float32)
    chosen = _chosen(examples)
    mean, inverse = _moments(values, chosen)
    neighbours, correlation = np.zeros((u, count), np.int32), np.zeros((u, count), np.float32)
    for own in blocks(u, 8 * u, LIMIT):
        matrix = np.zeros((own.stop - own.start, u), np.float32)
        product = np.empty_like(matrix)
        for block in _read(values, chosen):
            unit = np.subtract(block, mean, dtype=np.float32)
            unit *= inverse
            matrix += np.matmul(unit[:, own].T, unit, out=product)
        for place, line in zip(range(own.start, own.stop), matrix, strict=True):
            line[place] = 0.0
            best = np.argsort(-np.abs(line), kind="stable")[:count]
            neighbours[place], correlation[place] = best, line[best] / chosen.sum()
    return neighbours, correlation


def _chosen(examples: Examples) -> Array:
    """The rows of the uniform sample: rows that ship because they activate a feature would tie features together."""
    everything = np.ones(len(examples), bool)
    if examples.uniform is None:
        return everything
    uniform = np.asarray(examples.uniform, bool)
    return uniform if uniform.sum() >= FEWEST else everything


def _read(values: Values, chosen: Array) -> Iterator[Array]:
    """The chosen rows of the sample, block by block."""
    for rows in blocks(len(chosen), 4 * values.shape[1]):
        if chosen[rows].any():
            yield values[rows, :][chosen[rows]]


def _moments(values: Values, chosen: Array) -> tuple[Array, Array]:
    """(u,) means and inverse deviations over the chosen rows; the inverse is 0 where nothing varies."""
    u = values.shape[1]
    total, squares = np.zeros(u), np.zeros(u)
    for block in _read(values, chosen):
        total += block.sum(0, dtype=np.float64)
    mean = total / chosen.sum()
    for block in _read(values, chosen):
        squares += np.square(block - mean).sum(0)
    deviation = np.sqrt(squares / chosen.sum())
    inverse = np.divide(1.0, deviation, out=np.zeros(u), where=deviation > 0)
    return mean.astype(np.float32), inverse.astype(np.float32)
