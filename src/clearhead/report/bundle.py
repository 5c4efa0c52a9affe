"""What a page needs, as plain data: a `Bundle` of heads along the path, examples, features and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from clearhead.core.errors import InputError
from clearhead.core.finding import Finding

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from clearhead.report.reference import Reference

__all__ = ["Bundle", "Examples", "Explanation", "Head", "PathPoint", "Values"]

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]


class Values(Protocol):
    """A matrix (n, u) that is read block by block: an array, or a `clearhead.report.stored.StoredValues`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, part: tuple[slice, slice], /) -> Floats: ...


@dataclass(frozen=True)
class PathPoint:
    """One λ of the path: what it costs, how well it does and how it was certified. Accuracies are shares in [0, 1].

    ``status`` is the name of a `clearhead.glm.solution.Status`; ``gap`` and ``kkt`` are as in a `Solution`.
    """

    lambda_: float
    features_per_class: float
    features_used: int
    density: float
    gap: float
    status: str
    kkt: float | None = None
    n_iter: int | None = None
    train: float | None = None
    val: float | None = None
    test: float | None = None
    fidelity: float | None = None


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head on standardised features, its nonzero weights only.

    Parameters
    ----------
    feature, column : (m,) integers: the row and the class of each nonzero weight.
    weight : (m,) floats, on z.
    intercept : (k,) floats.
    margin : whether one margin m serves two classes: their scores are (−m, m), their logits half of that.
    lambda_ : λ, None for a head that is not of the path.
    name : what the page calls it ("dense", "after the repair").
    point : index into `Bundle.path`, None if it is not of the path.
    """

    feature: Ints
    column: Ints
    weight: Floats
    intercept: Floats
    lambda_: float | None = None
    name: str = ""
    point: int | None = None
    margin: bool = False

    @classmethod
    def from_matrix(cls, weight: Floats, intercept: Floats, **named: Any) -> Head:
        """From (p, k) weights and (k,) intercept; one column (a binomial margin m) becomes the two (−m, m).

        >>> Head.from_matrix(np.array([[0.0], [2.0]]), np.array([1.0])).weight.tolist()
        [-2.0, 2.0]
        """
        weight, intercept = np.asarray(weight), np.asarray(intercept).reshape(-1)
        if weight.shape[1] == 1:
            weight, intercept = np.hstack([-weight, weight]), np.hstack([-intercept, intercept])
            named["margin"] = True
        return cls.of_labels(weight, intercept, **named)

    @classmethod
    def of_labels(cls, weight: Floats, intercept: Floats, **named: Any) -> Head:
        """From (p, k) weights and (k,) intercept, each column a class or a label of its own, also a single one."""
        feature, column = np.nonzero(weight)
        return cls(feature, column, weight[feature, column], np.asarray(intercept).reshape(-1), **named)

    @property
    def n_classes(self) -> int:
        return len(self.intercept)

    def used(self) -> Ints:
        """The features with a nonzero weight, sorted."""
        return np.unique(self.feature)

    def matrix(self, features: Ints) -> csr_matrix:
        """The weights as a sparse (k, u) matrix in float64 on the given features; others count as off (z = 0)."""
        from scipy.sparse import csr_matrix

        place = np.full(int(max(self.feature.max(initial=-1), features.max(initial=-1))) + 1, -1)
        place[features] = np.arange(len(features))
        row = place[self.feature]
        keep = row >= 0
        return csr_matrix(
            (self.weight[keep].astype(np.float64), (self.column[keep], row[keep])),
            shape=(self.n_classes, len(features)),
        )

    def scores(self, values: Floats, features: Ints) -> Floats:
        """(n, k) scores in float64 from z values (n, u) of the given features."""
        product: Floats = (self.matrix(features) @ np.asarray(values, np.float64).T).T
        return product + np.asarray(self.intercept, np.float64)


@dataclass(frozen=True, eq=False)
class Examples:
    """The sample of rows that ships with the page.

    Parameters
    ----------
    features : (u,) the features whose values ship: all that any head of the page uses.
    values : (n, u) their standardised values z; only ever read block by block, so they may lie on disk.
    labels : (n,) class numbers, −1 where unknown; (n, k) of {0, 1} where many labels hold at once.
    split : (n,) "train", "val" or "test".
    uris : n names of the examples. texts : n strings, for text. row : (n,) row numbers in the feature table.
    uniform : (n,) whether a row is of the uniform sample of the test rows, that effects are estimated on; all of the
        test rows if it is not given.
    network : (n,) class predicted by the original network (or (n, k)), or None.
    thumbnails : n encoded pictures (PNG, JPEG or WebP) or None; read one at a time, so it may be lazy.
    groups : further named columns (source, group), n scalars each.
    note : how the sample was drawn.
    """

    features: Ints
    values: Values
    labels: Ints
    split: Sequence[str]
    uris: Sequence[str]
    row: Ints | None = None
    uniform: npt.NDArray[np.bool_] | Ints | None = None
    texts: Sequence[str] | None = None
    network: Ints | None = None
    thumbnails: Sequence[bytes | None] | None = None
    groups: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        lengths = {
            name: len(getattr(self, name))
            for name in ("values", "labels", "split", "uris", "row", "uniform", "texts", "network", "thumbnails")
            if getattr(self, name) is not None
        } | {f"groups[{name!r}]": len(v) for name, v in self.groups.items()}
        if len(set(lengths.values())) > 1:
            raise InputError("the columns of the examples have different lengths", got=lengths)
        if self.values.shape[1:] != (len(self.features),):
            raise InputError(
                "examples have values of other features than they name",
                got=f"values of shape {self.values.shape}",
                expected=f"(n, {len(self.features)})",
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def many_labels(self) -> bool:
        """Whether many labels hold at once."""
        return np.ndim(self.labels) == 2


@dataclass(frozen=True)
class Explanation:
    """One picture or list of words that explains a feature.

    ``kind`` is "visualization", "superpixels", "words", "wordcloud" or another word that heads it; ``media`` names a
    picture of `Bundle.media`; ``words`` are (word, importance) pairs.
    """

    kind: str
    caption: str
    media: str | None = None
    words: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Bundle:
    """All that a page shows.

    Parameters
    ----------
    title : name of the run. kind : "image", "text" or "array" (features without pictures or words).
    class_names, feature_names : k and p names.
    path : the points of the whole path, largest λ first.
    heads : about fifteen heads along it; ``selected`` is the index of the chosen one.
    examples : the sample that ships with the page.
    dense : the reference head, summed up; ``dense_scores`` its accuracy by split.
    scores : accuracy of the selected head by split, where it is not that of a point of the path.
    split_sizes : "train", "val", "test" → number of rows, for intervals.
    exemplars : feature → rows of ``examples`` that activate it most (else the sample's own top rows are shown).
    explanations : feature → pictures and words.
    findings : what the analyses found; every one is shown.
    media : name → encoded picture, or a path to it, for findings and explanations.
    removals : name → plain data of exact effects precomputed on the full test set (see `report.removals`).
    against : another bundle to compare with (before a repair, or another run).
    provenance : nested plain data: versions, hashes, settings, seeds, commands, licences.
    sensitive : whether texts or pictures start covered.
    """

    title: str
    kind: Literal["image", "text", "array"]
    class_names: Sequence[str]
    feature_names: Sequence[str]
    path: Sequence[PathPoint]
    heads: Sequence[Head]
    selected: int
    examples: Examples
    dense: Reference | None = None
    dense_scores: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    split_sizes: Mapping[str, int] = field(default_factory=dict)
    exemplars: Mapping[int, Sequence[int]] = field(default_factory=dict)
    explanations: Mapping[int, Sequence[Explanation]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    media: Mapping[str, Any] = field(default_factory=dict)
    removals: Mapping[str, Any] = field(default_factory=dict)
    against: Bundle | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    sensitive: bool = False

    def __post_init__(self) -> None:
        if not self.heads:
            raise InputError("a report needs at least one head", fix="run the fit step first")
        if not 0 <= self.selected < len(self.heads):
            raise InputError("the selected head is not among the heads", got=self.selected, expected=len(self.heads))
        for head in self.heads:
            if head.n_classes != len(self.class_names):
                raise InputError("a head has another number of classes", got=head.n_classes, expected=self.class_names)

    @property
    def head(self) -> Head:
        """The selected head."""
        return self.heads[self.selected]

    @property
    def point(self) -> PathPoint | None:
        """The selected head's point of the path; None for an edited head."""
        index = self.head.point
        return None if index is None or index >= len(self.path) else self.path[index]

    def score(self, split: str) -> float | None:
        """Accuracy of the selected head on a split, if it is known."""
        known: float | None = getattr(self.point, split, None)
        return self.scores.get(split) if known is None else known

    def shipped_features(self) -> Ints:
        """The features that some head of the page uses, sorted."""
        heads = [*self.heads, *([self.against.head] if self.against else [])]
        return np.unique(np.concatenate([h.feature for h in heads]))
