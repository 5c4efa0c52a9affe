"""The *spurious* task (E.2.1, Fig. 28): do two classes that share a feature share a pattern, and is it the object?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.seeds import numpy_generator
from clearhead.study.tasks.arm import Arm, significant
from clearhead.study.tasks.exhibits import Exhibits
from clearhead.study.tasks.model import Decision, Study, Task, conceal

__all__ = ["SpuriousOptions", "build_spurious", "top_rows_of_class"]

TopRows = Callable[[int, int], Sequence[int]]


@dataclass(frozen=True)
class SpuriousOptions:
    """``pairs`` random class pairs from each arm, ``per_pair`` of their shared features, ``images`` rows of each class.

    The paper shows one feature a pair. Two classes make one pair only; there, more of its features can be asked about.
    """

    pairs: int = 1000
    per_pair: int = 1
    images: int = 3
    threshold: float = 0.05
    sign: str = "positive"
    seed: int = 0


def top_rows_of_class(activations: Any, labels: Any, k: int = 3) -> Callable[[int, int], list[int]]:
    """A function (feature, class) → the class's ``k`` most activating rows, from activations (n, p) held in memory."""
    activations, labels = np.asarray(activations), np.asarray(labels)
    members = {int(c): np.flatnonzero(labels == c) for c in np.unique(labels)}

    def top(feature: int, c: int) -> list[int]:
        rows = members.get(c, np.empty(0, dtype=int))
        order = np.argsort(-activations[rows, feature], kind="stable")[:k]
        return [int(i) for i in rows[order]]

    return top


def build_spurious(
    arms: Sequence[Arm],
    top_rows: TopRows,
    exhibits: Exhibits,
    class_names: Sequence[str],
    options: SpuriousOptions | None = None,
) -> Study:
    """The tasks of E.2.1: class pairs of each arm that share a significant feature.

    Parameters
    ----------
    top_rows : (feature, class) → rows of that class that activate the feature most, most first.

    Raises
    ------
    DataError : no two classes share a significant feature in any arm.
    """
    options = options or SpuriousOptions()
    drafts: list[tuple[Task, dict[str, Any]]] = []
    counts: Counter[str] = Counter()
    for arm in arms:
        mask = significant(arm.matrix(), options.threshold, options.sign)
        rng = numpy_generator(options.seed, "spurious", arm.name)
        pairs = _shared_pairs(mask)
        counts["available"] += len(pairs)
        counts["asked"] += options.pairs
        for at in rng.permutation(len(pairs))[: options.pairs]:
            first, second = (int(c) for c in rng.permutation(pairs[at]))
            shared = np.flatnonzero(mask[:, first] & mask[:, second])
            for feature in rng.choice(shared, size=min(options.per_pair, len(shared)), replace=False):
                drafts += _drafts(arm.name, int(feature), (first, second), top_rows, exhibits, class_names, options)
            counts.update(drawn=1, several=int(len(shared) > options.per_pair))
    if not drafts:
        raise DataError("no two classes share a significant feature", fix="choose a less sparse head on the path")
    few = sum(min(map(len, truth["rows"])) < options.images for _, truth in drafts)
    tasks, key = conceal(drafts, options.seed, numpy_generator(options.seed, "order"))
    return Study(
        kind="spurious",
        title="Do you see a common pattern?",
        tasks=tasks,
        key=key,
        settings={**asdict(options), "arms": [arm.name for arm in arms]},
        decisions=_decisions(options, counts, len(tasks), few),
    )


def _drafts(
    arm: str,
    feature: int,
    classes: tuple[int, int],
    top_rows: TopRows,
    exhibits: Exhibits,
    class_names: Sequence[str],
    options: SpuriousOptions,
) -> list[tuple[Task, dict[str, Any]]]:
    """The task of one pair and feature; none if a class has no row to show."""
    rows = [list(top_rows(feature, c))[: options.images] for c in classes]
    if not all(rows):
        return []
    names = [str(class_names[c]) for c in classes]
    groups = tuple(exhibits.rows(r, name) for r, name in zip(rows, names, strict=True))
    truth = {"arm": arm, "feature": feature, "classes": list(classes), "class_names": names, "rows": rows}
    return [(Task("", "spurious", (), groups), truth)]


def _shared_pairs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs (m, 2) of classes with at least one common feature."""
    together = mask.T.astype(np.float32) @ mask.astype(np.float32)
    first, second = np.nonzero(np.triu(together, k=1))
    return np.stack([first, second], axis=1)


def _decisions(options: SpuriousOptions, counts: Counter[str], tasks: int, few: int) -> tuple[Decision, ...]:
    drawn = counts["drawn"]
    return (
        Decision(
            "pairs",
            f"class pairs are drawn uniformly, {options.pairs} an arm or as many as share a feature",
            drawn,
            counts["asked"],
        ),
        Decision("available", "class pairs that share a significant feature, over all arms", counts["available"]),
        Decision(
            "several",
            f"a pair that shares more features shows {options.per_pair} of them, drawn uniformly",
            counts["several"],
            drawn,
        ),
        Decision("sign", f"weights counted for “over {options.threshold:.0%} of the maximum”: {options.sign}"),
        Decision("few", f"a class with fewer than {options.images} rows shows those it has", few, tasks),
    )
