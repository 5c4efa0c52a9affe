"""The three task types from a run's own objects: heads, a feature table, and what can be shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clearhead.core.errors import DataError, SettingError
from clearhead.features.exemplars import top_rows, top_rows_by_class
from clearhead.features.table import FeatureTable
from clearhead.head import SparseHead
from clearhead.study.settings import BuildSettings
from clearhead.study.tasks.arm import Arm, significant
from clearhead.study.tasks.exhibits import Exhibits
from clearhead.study.tasks.misclassification import Errors, MisclassificationOptions, build_misclassification
from clearhead.study.tasks.model import Study
from clearhead.study.tasks.simulate import SimulateOptions, build_simulate
from clearhead.study.tasks.spurious import SpuriousOptions, build_spurious

__all__ = ["Options", "options_for", "study_from_heads", "with_exemplars"]

TWO_CLASSES = SpuriousOptions(sign="absolute", per_pair=50)
Options = SimulateOptions | SpuriousOptions | MisclassificationOptions


def options_for(kind: str, n_classes: int, settings: BuildSettings | None = None) -> Options:
    """The paper's options of this kind, with the number of tasks and the seed that were asked for.

    With two classes, *spurious* counts both signs (what speaks for one speaks against the other) and asks about 50
    features of the one pair.
    """
    settings = settings or BuildSettings()
    found: dict[str, tuple[Any, str]] = {
        "simulate": (SimulateOptions(), "classes"),
        "spurious": (TWO_CLASSES, "per_pair") if n_classes == 2 else (SpuriousOptions(), "pairs"),
        "misclassification": (MisclassificationOptions(), "tasks"),
    }
    if kind not in found:
        raise SettingError("no such kind of study", got=kind, expected=", ".join(found))
    options, count = found[kind]
    asked = {} if settings.tasks is None else {count: settings.tasks}
    chosen: Options = replace(options, seed=settings.seed, **asked)
    return chosen


def study_from_heads(
    kind: str,
    heads: Mapping[str, SparseHead],
    table: FeatureTable,
    rows: Any,
    exhibits: Exhibits,
    options: Any = None,
) -> Study:
    """A study of any kind.

    Parameters
    ----------
    heads : arm → head, in the paper ``{"dense": …, "sparse": …}``; *misclassification* asks about the last one.
    rows : the test rows' numbers in ``table``; ``exhibits`` and the key count rows of the table too.
    exhibits : pictures or words; features without any are filled in by `with_exemplars` beforehand.
    options : `SimulateOptions`, `SpuriousOptions` or `MisclassificationOptions`; those of `options_for` if None.

    Raises
    ------
    DataError : the table has no single-label classes, or nothing can be asked.
    """
    if table.labels is None or table.labels.ndim != 1:
        raise DataError("a study needs one class label a row", fix="build it from a single-label run")
    index = torch.as_tensor(np.asarray(rows), dtype=torch.int64)
    labels, names = table.labels[index].numpy(), next(iter(heads.values())).class_names
    options = options or options_for(kind, len(names))
    if kind == "simulate":
        arms = [Arm(name, head.class_weights(), _probabilities(head, table, index)) for name, head in heads.items()]
        return build_simulate(arms, labels, exhibits, names, options, rows=index.numpy())
    if kind == "spurious":
        arms = [Arm(name, head.class_weights()) for name, head in heads.items()]
        return build_spurious(arms, _top_rows(arms, table, index, options), exhibits, names, options)
    errors = _errors(list(heads.values())[-1], table, index, labels)
    return build_misclassification(errors, exhibits, names, options)


def with_exemplars(
    exhibits: Exhibits, table: FeatureTable, heads: Mapping[str, SparseHead], rows: Any, *, k: int = 3
) -> Exhibits:
    """Show features by the ``k`` rows that activate them most, unless all that a head uses have pictures or words.

    One form for all: were only the features of one head explained otherwise, the form would tell people the arm.
    ``rows`` are those to take them from: training rows, so that no test row explains itself.
    """
    weight = torch.cat([head.class_weights() for head in heads.values()], dim=1)
    used = weight.abs().sum(1).nonzero().squeeze(1).tolist()
    if all(map(exhibits.showable, used)):
        return exhibits
    exhibits = replace(exhibits, feature_pictures={}, feature_words={}, feature_texts={})
    best = top_rows(table, k, index=torch.as_tensor(np.asarray(rows)), features=used).rows.tolist()
    if exhibits.texts is not None:
        texts = exhibits.texts
        sentences = {j: [str(texts[i]) for i in r if i >= 0] for j, r in zip(used, best, strict=True)}
        return replace(exhibits, feature_texts=sentences)
    image = exhibits.image
    if image is None:
        raise DataError("exemplars of images need the images", fix="pass Exhibits(image=…)")
    pictures = {j: [image(i) for i in r if i >= 0] for j, r in zip(used, best, strict=True)}
    return replace(exhibits, feature_pictures=pictures)


def _probabilities(head: SparseHead, table: FeatureTable, index: torch.Tensor) -> NDArray[np.float32]:
    """(n, K), read in blocks."""
    parts = [head.probabilities(block.float()).float().numpy() for _, block in table.view(index).blocks()]
    return np.concatenate(parts)


def _errors(head: SparseHead, table: FeatureTable, index: torch.Tensor, labels: NDArray[Any]) -> Errors:
    """The head's mistakes, with their standardised features."""
    kept: list[NDArray[np.float64]] = []
    wrong: list[NDArray[np.int64]] = []
    for span, block in table.view(index).blocks():
        mistaken = (head.predict(block.float()).numpy() != labels[span]).nonzero()[0]
        kept.append(head.standardize(block.float())[torch.as_tensor(mistaken)].double().numpy())
        wrong.append(mistaken + span.start)
    at = np.concatenate(wrong)
    weights = head.class_weights().double().numpy()
    return Errors(weights, _class_intercept(head), np.concatenate(kept), index.numpy()[at], labels[at])


def _class_intercept(head: SparseHead) -> NDArray[np.float64]:
    """(K,) on the scale of `SparseHead.class_weights`, where a single margin stands for −w and +w."""
    intercept: NDArray[np.float64] = head.intercept.double().numpy()
    if len(intercept) == head.class_weights().shape[1]:
        return intercept
    return np.concatenate([-intercept, intercept])


def _top_rows(arms: list[Arm], table: FeatureTable, index: torch.Tensor, options: SpuriousOptions) -> Any:
    """(feature, class) → rows; only features that two classes share are looked up."""
    masks = [significant(arm.matrix(), options.threshold, options.sign) for arm in arms]
    shared = sorted({int(j) for mask in masks for j in np.flatnonzero(mask.sum(axis=1) > 1)})
    place = {j: i for i, j in enumerate(shared)}
    view = table.view(index)
    if table.labels is None or not shared:
        return lambda feature, c: []
    found = top_rows_by_class(view, table.labels[index], options.images, features=shared)

    def top(feature: int, c: int) -> list[int]:
        rows = found[c].rows[place[feature]].tolist() if c in found else []
        return [int(index[i]) for i in rows if i >= 0]

    return top
