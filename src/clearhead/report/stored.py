"""The sample's activations where they lie: read from the feature table a block at a time, never held."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from clearhead.core.scaling import Standardizer
from clearhead.features.table import FeatureTable
from clearhead.report.bundle import Floats, Ints

__all__ = ["StoredValues"]


class StoredValues:
    """Standardised values (n, u) of some rows and features of a table; indexed by two slices, as an array is.

    Examples
    --------
    >>> import tempfile
    >>> table = FeatureTable.from_arrays(tempfile.mkdtemp(), torch.eye(3), [0, 1, 2])
    >>> values = StoredValues(table, np.array([2, 0]), np.array([0, 2]), Standardizer.identity(3))
    >>> values.shape, values[0:1, 0:2].tolist()
    ((2, 2), [[0.0, 1.0]])
    """

    def __init__(self, table: FeatureTable, rows: Ints, features: Ints, scaler: Standardizer) -> None:
        self._table, self._rows, self._features = table, torch.as_tensor(rows), torch.as_tensor(features)
        self._mean, self._scale = scaler.mean.cpu()[self._features], scaler.scale.cpu()[self._features]

    @property
    def shape(self) -> tuple[int, int]:
        """(n, u)."""
        return len(self._rows), len(self._features)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: tuple[slice, slice]) -> Floats:
        rows, columns = part
        cells = self._table.cells(self._rows[rows], self._features[columns]).float()
        values: Floats = Standardizer(self._mean[columns], self._scale[columns]).transform(cells).numpy()
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        """All of them, for what cannot do with less."""
        return np.asarray(self[:, :], dtype)
