"""The head that a sparse one is compared with, summed up: a dense layer of ImageNet's size has two million weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clearhead.report.bundle import Floats, Ints

__all__ = ["TOP", "Reference"]

TOP = 40


@dataclass(frozen=True, eq=False)
class Reference:
    """The largest weights of each class by magnitude; of the rest counts and norms.

    Parameters
    ----------
    name : what the page calls it.
    feature, column, weight : (m,) the `TOP` largest weights of each class, on z, class by class, largest first.
    per_class : (k,) nonzero weights of each class. mass : (k,) the sums of their magnitudes.
    used : how many features have a nonzero weight.
    """

    name: str
    feature: Ints
    column: Ints
    weight: Floats
    per_class: Ints
    mass: Floats
    used: int

    @classmethod
    def of(cls, weight: Floats, name: str = "") -> Reference:
        """From (p, k) weights on z, a class at a time."""
        n_classes = weight.shape[1]
        per_class, mass = np.zeros(n_classes, np.int64), np.zeros(n_classes)
        used = np.zeros(len(weight), bool)
        parts: list[npt.NDArray[np.int64]] = []
        for c in range(n_classes):
            size = np.abs(weight[:, c])
            alive = size > 0
            used |= alive
            per_class[c], mass[c] = alive.sum(), size.sum()
            order = np.argsort(-size, kind="stable")[:TOP]
            parts.append(order[alive[order]])
        feature = np.concatenate([np.zeros(0, np.int64), *parts])
        column = np.repeat(np.arange(n_classes), [len(part) for part in parts])
        return cls(name, feature, column, weight[feature, column], per_class, mass, int(used.sum()))

    @classmethod
    def of_margin(cls, weight: Floats, name: str = "") -> Reference:
        """From one margin (p, 1) that serves two classes: their scores are its negative and itself."""
        return cls.of(np.hstack([-weight, weight]), name)
