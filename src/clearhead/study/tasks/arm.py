"""An arm of a study: a decision layer whose use of features people are asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError

__all__ = ["Arm", "importances", "significant"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """A decision layer under study.

    Parameters
    ----------
    name : "dense" or "sparse" in the paper; any two names will do.
    weights : (p, K) on standardised features.
    probabilities : (n, K), or a function class → (n,): the probability this head gives to a class on each test row.
    """

    name: str
    weights: Any
    probabilities: Any = None

    def matrix(self) -> Floats:
        """The weights as a float64 array."""
        weights = self.weights.detach().cpu() if hasattr(self.weights, "detach") else self.weights
        array = np.asarray(weights, dtype=np.float64)
        if array.ndim != 2 or not np.isfinite(array).all():
            raise DataError(
                "weights of an arm must be a finite matrix", got=array.shape, expected="(features, classes)"
            )
        return array

    def target(self, c: int) -> Floats:
        """The probability of class ``c`` on each row."""
        if isinstance(self.probabilities, Callable):  # type: ignore[arg-type]
            column = self.probabilities(c)
        else:
            column = self.probabilities[:, c]
        column = column.detach().cpu() if hasattr(column, "detach") else column
        return np.asarray(column, dtype=np.float64)


def significant(weights: Floats, threshold: float = 0.05, sign: str = "positive") -> NDArray[np.bool_]:
    """Which features carry over ``threshold`` of the largest weight, per class: (p, K) → (p, K).

    The paper does not say whether negative weights count. ``positive`` takes features that speak *for* the class, as
    its page says ("patterns used to recognize"); ``absolute`` takes both signs.
    """
    size = np.abs(weights) if sign == "absolute" else np.maximum(weights, 0)
    top = size.max(axis=0, keepdims=True, initial=0)
    mask: NDArray[np.bool_] = (size > threshold * top) & (size > 0)
    return mask


def importances(weights: Floats, total: int = 100) -> list[int]:
    """Weights as whole numbers that sum to ``total`` (largest remainders), in the order given.

    >>> importances(np.array([2.7, 2.3, 2.2, 1.8, 1.0]))
    [27, 23, 22, 18, 10]
    """
    share = np.abs(weights) / np.abs(weights).sum() * total
    whole = np.floor(share + 1e-9).astype(int)
    for at in np.argsort(whole - share, kind="stable")[: total - int(whole.sum())]:
        whole[at] += 1
    return [int(x) for x in whole]
