"""What an edit does, exactly: before and after on the same rows, overall, by class and by group, with paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from clearhead.core.errors import InputError
from clearhead.core.finding import Estimate, Finding, Scalar, Table
from clearhead.debug.inputs import Part, class_numbers, predicted
from clearhead.debug.intervals import mcnemar, paired_change, proportion, with_interval
from clearhead.head import Edit, SparseHead, apply_edits

__all__ = ["edited", "repair"]


def edited(head: SparseHead, edits: Sequence[Edit], *, allow_empty: bool = False) -> SparseHead:
    """A new head with the edits applied; `InputError` for names that do not exist and for edits that empty a class."""
    after = apply_edits(head, edits)
    emptied = _emptied(head, after)
    if emptied and not allow_empty:
        raise InputError(
            "after these edits no feature speaks for some classes",
            got=", ".join(emptied),
            fix="keep one of their features, refit the remaining weights, or allow it on purpose: --allow-empty",
        )
    return after


def _emptied(before: SparseHead, after: SparseHead) -> list[str]:
    had, has = ((h.class_weights() != 0).any(0) for h in (before, after))
    return [name for name, lost in zip(before.class_names, (had & ~has).tolist(), strict=True) if lost]


def repair(
    before: SparseHead,
    after: SparseHead,
    parts: Mapping[str, Part],
    *,
    edits: Sequence[Edit] = (),
    gap: float | None = None,
    seed: int = 0,
) -> Finding:
    """The exact effect of an edit (or of a refit) on every part of the data.

    Parameters
    ----------
    before, after : heads over the same features and classes.
    gap : certified duality gap of the refit, of the null loss; None where the other weights were not fitted again.
    parts : name ("train", "val", "test") → `Part`; groups, where given, get rows of their own and a worst-group line.

    Returns
    -------
    A finding of kind "repair": table ``change`` (one row a part × overall / class / group: both accuracies, the change
    with its paired bootstrap interval, the exact McNemar p-value, n) and table ``edits``.
    """
    _check(before, after)
    rows: list[dict[str, Any]] = []
    numbers: dict[str, Scalar | Estimate] = {}
    for name, part in parts.items():
        target = class_numbers(part.labels, name).cpu()
        right = [(predicted(head, part.features) == target).numpy() for head in (before, after)]
        rows += _rows(name, right, target, part.groups, before.class_names, seed)
        numbers |= _numbers(name, right, part.groups, seed)
    weights = [int((head.weight != 0).sum()) for head in (before, after)]
    numbers |= {
        "weights_before": weights[0],
        "weights_after": weights[1],
        "edits": len(edits),
        "refitted": gap is not None,
    }
    numbers |= {} if gap is None else {"gap": gap}
    return Finding(
        kind="repair",
        title="Before and after the edit",
        sentence=_sentence(numbers, parts, len(edits)),
        numbers=numbers,
        tables={"change": _table(rows), "edits": _edits_table(edits)},
        caveats=_caveats(parts, gap is not None),
        settings={"seed": seed},
    )


def _check(before: SparseHead, after: SparseHead) -> None:
    if before.class_names != after.class_names or before.feature_names != after.feature_names:
        raise InputError(
            "before and after must have the same features and classes",
            got=f"{before.n_features} features, {before.n_classes} classes against "
            f"{after.n_features} features, {after.n_classes} classes",
        )


def _rows(
    part: str, right: list[Any], target: Tensor, groups: Any, class_names: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    slices = [("overall", "", np.ones(len(target), bool))]
    slices += [("class", name, (target == c).numpy()) for c, name in enumerate(class_names)]
    if groups is not None:
        names = np.asarray(groups).astype(str)
        slices += [("group", name, names == name) for name in sorted(set(names.tolist()))]
    return [_row(part, kind, name, right, where, seed) for kind, name, where in slices if where.any()]


def _row(part: str, kind: str, name: str, right: list[Any], where: Any, seed: int) -> dict[str, Any]:
    was, is_ = right[0][where], right[1][where]
    change = paired_change(was, is_, seed=seed)
    return {
        "part": part,
        "slice": kind,
        "name": name,
        "n": int(where.sum()),
        **with_interval("before", proportion(int(was.sum()), len(was))),
        **with_interval("after", proportion(int(is_.sum()), len(is_))),
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "gained": int((is_ & ~was).sum()),
        "lost": int((was & ~is_).sum()),
        "p_value": mcnemar(was, is_),
    }


def _numbers(part: str, right: list[Any], groups: Any, seed: int) -> dict[str, Scalar | Estimate]:
    was, is_ = right
    numbers: dict[str, Scalar | Estimate] = {
        f"{part}_before": proportion(int(was.sum()), len(was)),
        f"{part}_after": proportion(int(is_.sum()), len(is_)),
        f"{part}_change": paired_change(was, is_, seed=seed),
        f"{part}_p_value": mcnemar(was, is_),
    }
    if groups is not None:
        names = np.asarray(groups).astype(str)
        for label, values in (("before", was), ("after", is_)):
            worst = min(sorted(set(names.tolist())), key=lambda g: values[names == g].mean())
            here = values[names == worst]
            numbers[f"{part}_worst_group_{label}"] = proportion(int(here.sum()), len(here))
            numbers[f"{part}_worst_group_{label}_name"] = worst
    return numbers


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table({c: [row[c] for row in rows] for c in rows[0]} if rows else {})


def _edits_table(edits: Sequence[Edit]) -> Table:
    return Table(
        {
            "feature": [str(e.feature) for e in edits],
            "action": [e.action for e in edits],
            "classes": [None if e.classes is None else [str(c) for c in e.classes] for e in edits],
            "value": [e.value for e in edits],
            "into": [None if e.into is None else str(e.into) for e in edits],
        }
    )


def _sentence(numbers: Mapping[str, Any], parts: Mapping[str, Part], count: int) -> str:
    name = "test" if "test" in parts else next(iter(parts), None)
    if name is None:
        return "No rows were given to judge the edit on."
    was, is_, change = (numbers[f"{name}_{key}"] for key in ("before", "after", "change"))
    return (
        f"After {count} edits the head is right on {is_.value:.1%} of {name} instead of {was.value:.1%} "
        f"({100 * change.value:+.1f} points, 95 % interval {100 * change.low:+.1f} to {100 * change.high:+.1f}, "
        f"n = {change.n}, McNemar p = {numbers[f'{name}_p_value']:.2g})."
    )


def _caveats(parts: Mapping[str, Part], refitted: bool) -> tuple[str, ...]:
    caveats = ["Each row of the table is a test of its own; among many classes some change by chance."]
    if any(part.groups is not None for part in parts.values()):
        caveats.append("The worst group is chosen after looking, so its accuracy is pessimistic.")
    if refitted and "train" in parts:
        caveats.append("The remaining weights were fitted again on training rows; accuracy there is optimistic.")
    return tuple(caveats)
