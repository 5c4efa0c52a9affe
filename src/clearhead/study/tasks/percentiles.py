"""Images from ranges of percentiles, and what is done when a range holds none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEXT_BANDS", "Candidate", "draw_bands", "rank_percentiles"]

Band = tuple[float, float]
TEXT_BANDS: tuple[Band, ...] = ((90, 95), (98, 99), (99.99, 100))  # D.4's text; Fig. 24a says (99.9, 100)


@dataclass(frozen=True)
class Candidate:
    """One drawn row: its percentile, and whether its band had to be widened to find it."""

    row: int
    percentile: float
    widened: bool


def rank_percentiles(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Percentile of each value by rank, 100(r + ½)/n; equal values are ordered at random."""
    order = np.lexsort((rng.random(len(values)), values))
    percentile = np.empty(len(values))
    percentile[order] = 100 * (np.arange(len(values)) + 0.5) / len(values)
    return percentile


def draw_bands(
    values: NDArray[np.float64], bands: tuple[Band, ...], rng: np.random.Generator, pool: int = 1
) -> list[Candidate]:
    """One row a band, drawn at random among the rows strictly inside it.

    A band with fewer than ``pool`` rows is widened to the ``pool`` rows nearest to its middle that no other band drew.
    """
    percentile = rank_percentiles(values, rng)
    drawn: dict[Band, Candidate] = {}
    taken = np.zeros(len(values), dtype=bool)
    for low, high in sorted(bands, key=lambda band: band[1] - band[0]):  # wide ones first would starve narrow ones
        inside = np.flatnonzero((percentile > low) & (percentile < high) & ~taken)
        widened = len(inside) < pool
        if widened:
            distance = np.where(taken, np.inf, np.abs(percentile - (low + high) / 2))
            inside = np.argsort(distance, kind="stable")[: max(1, min(pool, int((~taken).sum())))]
        row = int(rng.choice(inside))
        taken[row] = True
        drawn[low, high] = Candidate(row, float(percentile[row]), widened)
    return [drawn[band] for band in bands]
