"""The rows that the scale benchmarks read: tables of any number of rows, and the features of planned fits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from clearhead.core.rows import BLOCK_ROWS
from clearhead.features.table import FeatureTable
from solver_data import PICTURES, draw, pictures

__all__ = ["Clustered", "data_of", "table_of"]


class Clustered:
    """Half-precision ReLU features of clustered inputs, made block by block: a class a cluster, any number of rows."""

    dtype = torch.float16

    def __init__(self, rows: int, features: int, classes: int) -> None:
        self.shape = (rows, features)
        generator = torch.Generator().manual_seed(0)
        self.centres = torch.randn(classes, features, generator=generator) * 0.5
        self.noise = torch.randn(BLOCK_ROWS, features, generator=generator)
        self.labels = torch.randint(classes, (rows,), generator=generator)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, torch.Tensor]]:
        for start in range(0, self.shape[0], rows):
            span = slice(start, min(start + rows, self.shape[0]))
            pieces = range(span.start, span.stop, BLOCK_ROWS)
            yield span, torch.cat([self._piece(first, min(first + BLOCK_ROWS, span.stop)) for first in pieces])

    def _piece(self, start: int, stop: int) -> torch.Tensor:
        noise = self.noise.roll(start // BLOCK_ROWS * 37 + 1, 1)[: stop - start]
        return (self.centres[self.labels[start:stop]] + noise).relu_().half()

    def take(self, index: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("these rows are only read in order")


def table_of(home: Path, rows: int, features: int, classes: int) -> tuple[FeatureTable, torch.Tensor]:
    """A float16 table of `Clustered` rows under ``home``: the one that lies there already, else a new one."""
    made, folder = Clustered(rows, features, classes), home / f"table-{rows}-{features}-{classes}"
    if not (folder / "manifest.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        FeatureTable.from_arrays(folder, made, made.labels, dtype="float16")
    return FeatureTable.open(folder), made.labels


def data_of(kind: str, n: int, p: int, k: int) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Features and labels in memory: "clustered", "sparse head", or "network" (None where the file is not at hand)."""
    if kind == "network":
        return pictures(n) if PICTURES.is_file() else None
    if kind == "clustered":
        made = Clustered(n, p, k)
        return torch.cat([block for _, block in made.blocks()]).float(), made.labels
    X, y = draw(n, p, k)
    y[:k] = torch.arange(k)  # every class occurs
    return X, y
