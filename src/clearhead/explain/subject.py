"""What is explained: a table of features, the head that uses them, the network and the examples behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError, ModelError, SettingError
from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples
from clearhead.features.table import FeatureTable
from clearhead.glm.solution import RegularizationPath
from clearhead.head.sparse_head import SparseHead

__all__ = ["Shelf", "Subject"]


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything an explanation may look at.

    Parameters
    ----------
    table : features of all examples; row i is ``examples[i]``.
    head : the sparse head, whose scaler defines z for every explanation.
    dense : the network's own head on the same scale, for comparisons.
    backbone, examples : needed where the network runs again (visualisation, superpixels, words).
    path : the regularisation path that the head was chosen from, for `ordering`.
    shown : row numbers that may serve as exemplars and be explained (usually the test rows); all by default.
    """

    table: FeatureTable
    head: SparseHead
    dense: SparseHead | None = None
    backbone: Backbone | None = None
    examples: Examples | None = None
    path: RegularizationPath | None = None
    shown: Tensor | None = None

    def __post_init__(self) -> None:
        n, p = self.table.shape
        if self.head.n_features != p:
            raise DataError("head and table differ in width", got=self.head.n_features, expected=f"{p} features")
        if self.examples is not None and len(self.examples) != n:
            raise DataError(
                "examples and table differ in length", got=len(self.examples), expected=n, fix="pass the same data"
            )

    @property
    def rows(self) -> Tensor:
        """(m,) int64 row numbers that may be shown."""
        if self.shown is None:
            return torch.arange(self.table.shape[0])
        return torch.as_tensor(self.shown, dtype=torch.int64)

    def network(self, kind: str) -> tuple[Backbone, Examples]:
        """The network and the examples, both of this kind ("image", "text")."""
        if self.backbone is None or self.examples is None:
            raise ModelError(
                "this explanation runs the network again", got="no network or no data", fix="pass --model and --data"
            )
        if self.backbone.kind != kind or self.examples.kind != kind:
            raise ModelError(f"this explanation is for networks of kind {kind!r}", got=self.backbone.kind)
        return self.backbone, self.examples

    def standardize(self, features: Tensor) -> Tensor:
        """Raw features to z; constant features to 0."""
        return self.head.standardize(features)

    def features(self, which: str | Sequence[int] = "used") -> list[int]:
        """Feature numbers from "used", "all" or a list of numbers; `SettingError` for numbers that do not exist."""
        if which == "used":
            return [int(j) for j in self.head.used()]
        if which == "all":
            return list(range(self.head.n_features))
        if isinstance(which, str):
            raise SettingError("unknown choice of features", got=which, expected='"used", "all" or numbers')
        return [self.head.feature_number(int(j)) for j in dict.fromkeys(which)]

    def leading(self, per_class: int = 5) -> list[int]:
        """The features of largest weight of every class, each once, in the order of the classes."""
        names = range(self.head.n_classes)
        return list(dict.fromkeys(j for c in names for j, _ in self.head.top_features(c, per_class)))

    def sign(self, feature: int) -> int:
        """The sign of the feature's largest weight in the head; +1 for a feature that no class uses."""
        weights = self.head.class_weights()[feature]
        return -1 if float(weights[weights.abs().argmax()]) < 0 else 1


class Shelf:
    """Where one kind of explanation keeps its artifacts: a folder under the run, keyed by what made them."""

    def __init__(self, run: Path | str, kind: str, *parts: object) -> None:
        self.run = Path(run)
        self.key = content_key(kind, *parts)
        self.folder = self.run / "findings" / "media" / kind / self.key

    def path(self, name: str) -> Path:
        """A file on this shelf."""
        return self.folder / name

    def media(self, name: str) -> str:
        """The same file, named relative to the run, as `Finding.media` wants it."""
        return self.path(name).relative_to(self.run).as_posix()
