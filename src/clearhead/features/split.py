"""Training, validation and test rows: given, or cut with a seed; classes keep their shares, groups stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.seeds import numpy_generator
from clearhead.features.images import SPLIT_NAMES
from clearhead.features.sidecar import as_labels

__all__ = ["Split", "balanced", "split_rows"]


@dataclass(frozen=True)
class Split:
    """Row numbers (int64, ascending) of each part, and a sentence on how they were made."""

    train: Tensor
    val: Tensor
    test: Tensor
    note: str


def split_rows(
    labels: Any,
    *,
    seed: int = 0,
    groups: Any = None,
    column: Any = None,
    validation: float = 0.1,
    test: float = 0.1,
    class_names: Sequence[str] = (),
) -> Split:
    """Split rows by a column that says it, and cut what it does not say.

    Parameters
    ----------
    labels : (n,) classes, or (n, m) many labels at once (cut by each row's rarest label).
    groups : (n,) values; rows of one group stay in one part.
    column : (n,) of "train", "val"/"validation"/"dev", "test"; rows of any other value are left out, and counted.
        Without validation rows, a share ``validation`` of the training rows is cut off; without test rows, ``test``.
    class_names : names for the errors.

    Raises `DataError` if a class has no training row, or if a part would be empty.

    Examples
    --------
    >>> s = split_rows([0] * 50 + [1] * 50)
    >>> len(s.train), len(s.val), len(s.test)
    (80, 10, 10)
    """
    y = as_labels(labels)
    if y is None:
        raise DataError("the rows have no labels", fix="name the label column with --label-column")
    if not 0 < validation < 1 or not 0 < test < 1 or validation + test >= 1:
        raise SettingError("the shares must lie between 0 and 1", got=f"validation {validation}, test {test}")
    parts, notes = _given(column, len(y))
    strata = _strata(y)
    pool = parts["train"]
    wanted = {name: share for name, share in (("val", validation), ("test", test)) if not len(parts[name])}
    if wanted:
        cut = _cut(strata, pool, wanted, groups, seed)
        parts = {**parts, **cut}
        how = ", groups kept whole" if groups is not None else ""
        shares = " and ".join(f"{share:.0%} for {_WORDS[name]}" for name, share in wanted.items())
        notes.append(f"{shares} cut from the training rows (stratified, seed {seed}{how})")
    if groups is not None and column is not None:
        notes += _leaks(parts, np.asarray(groups))
    _check(parts, y, class_names)
    train, val, held = (torch.from_numpy(np.sort(parts[name])) for name in ("train", "val", "test"))
    return Split(train, val, held, "; ".join(notes))


_WORDS = {"train": "training", "val": "validation", "test": "test"}


def balanced(labels: Any, rows: Tensor, *, seed: int = 0) -> Tensor:
    """As many of ``rows`` of each class of ``labels`` (n,): the paper's test subsample (section C.1), ascending."""
    y = np.asarray(as_labels(labels))[rows.numpy()]
    classes, counts = np.unique(y, return_counts=True)
    generator = numpy_generator(seed, "balance")
    chosen = [generator.permutation(np.flatnonzero(y == c))[: counts.min()] for c in classes]
    return rows[torch.from_numpy(np.sort(np.concatenate(chosen)))]


def _given(column: Any, n: int) -> tuple[dict[str, np.ndarray], list[str]]:
    if column is None:
        return {"train": np.arange(n), "val": np.arange(0), "test": np.arange(0)}, []
    values = np.asarray(column).astype(str)
    if len(values) != n:
        raise DataError("the split column does not match the rows", got=len(values), expected=n)
    names = np.array([SPLIT_NAMES.get(value.lower(), "") for value in values])
    parts = {name: np.flatnonzero(names == name) for name in ("train", "val", "test")}
    if not len(parts["train"]):
        raise DataError(
            "the split column names no training rows",
            got=", ".join(sorted(set(values))[:8]),
            expected="train, val, test",
        )
    said = [f"{len(parts[name])} {_WORDS[name]}" for name in parts if len(parts[name])]
    notes = [f"rows as given: {', '.join(said)}"]
    left = int((names == "").sum())
    return parts, notes + ([f"{left} rows of another split left out"] if left else [])


def _strata(y: Tensor) -> np.ndarray:
    if y.ndim == 1:
        return np.asarray(y)
    # Many labels: a row counts for its rarest one, so that rare labels reach every part.
    matrix = np.asarray(y)
    rarity = np.argsort(np.argsort(-matrix.sum(0), kind="stable"), kind="stable") + 1
    strata: np.ndarray = (matrix * rarity).max(1)
    return strata


def _cut(
    strata: np.ndarray, pool: np.ndarray, wanted: dict[str, float], groups: Any, seed: int
) -> dict[str, np.ndarray]:
    generator = numpy_generator(seed, "split")
    if groups is not None:
        return _cut_groups(strata, pool, wanted, np.asarray(groups), generator)
    shuffled = generator.permutation(pool)
    members = {c: shuffled[strata[shuffled] == c] for c in np.unique(strata[pool])}
    parts: dict[str, np.ndarray] = {}
    for name, share in wanted.items():
        take = _apportion({c: len(rows) for c, rows in members.items()}, round(share * len(pool)), share)
        parts[name] = np.concatenate([rows[: take[c]] for c, rows in members.items()])
        members = {c: rows[take[c] :] for c, rows in members.items()}
    parts["train"] = np.concatenate(list(members.values()))
    return parts


def _apportion(sizes: dict[Any, int], total: int, share: float) -> dict[Any, int]:
    """``total`` rows over classes in proportion to their sizes (largest remainders), leaving each at least one."""
    all_rows = sum(sizes.values())
    quota = {c: size * total / all_rows for c, size in sizes.items()}
    take = {c: min(int(quota[c]), sizes[c] - 1) for c in sizes}
    by_remainder = sorted(sizes, key=lambda c: (int(quota[c]) - quota[c], str(c)))
    for c in by_remainder:
        if sum(take.values()) < total and take[c] < sizes[c] - 1:
            take[c] += 1
    return take


def _cut_groups(
    strata: np.ndarray, pool: np.ndarray, wanted: dict[str, float], groups: np.ndarray, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    if len(groups) != len(strata):
        raise DataError("the groups do not match the rows", got=len(groups), expected=len(strata))
    _, group = np.unique(groups[pool].astype(str), return_inverse=True)
    classes, coded = np.unique(strata[pool], return_inverse=True)
    counts = np.zeros((group.max() + 1, len(classes)))
    np.add.at(counts, (group, coded), 1)
    if len(counts) < len(wanted) + 1:
        raise DataError("there are fewer groups than parts", got=f"{len(counts)} groups", expected=len(wanted) + 1)
    names = ["train", *wanted]
    target = np.array([1 - sum(wanted.values()), *wanted.values()])[:, None] * counts.sum(0)
    filled, home = np.zeros_like(target), np.zeros(len(counts), np.int64)
    order = generator.permutation(len(counts))
    # Large groups first: small ones can still even out what large ones unbalanced.
    for g in order[np.argsort(-counts[order].sum(1), kind="stable")]:
        after = (filled + counts[g] - target) ** 2 - (filled - target) ** 2
        cost = (after / np.maximum(target, 1)).sum(1)
        home[g] = int(np.argmin(cost))
        filled[home[g]] += counts[g]
    return {name: pool[home[group] == i] for i, name in enumerate(names)}


def _leaks(parts: dict[str, np.ndarray], groups: np.ndarray) -> list[str]:
    trained = set(groups[parts["train"]].tolist())
    shared = {name: len(trained & set(groups[parts[name]].tolist())) for name in ("val", "test")}
    return [f"{n} groups lie in both training and {_WORDS[name]} rows" for name, n in shared.items() if n]


def _check(parts: dict[str, np.ndarray], y: Tensor, class_names: Sequence[str]) -> None:
    empty = [name for name, rows in parts.items() if not len(rows)]
    if empty:
        raise DataError(
            f"no rows can be spared for {' and '.join(_WORDS[name] for name in empty)}",
            got=f"{len(y)} rows",
            expected="at least a few rows of each class",
            fix="give validation and test examples of their own, or more rows a class",
        )
    trained = y[torch.from_numpy(parts["train"])]
    if y.ndim == 1:
        present = set(trained.unique().tolist())  # type: ignore[no-untyped-call]
        absent = sorted(set(y.unique().tolist()) - present)  # type: ignore[no-untyped-call]
        if len(present) == 1 and not absent:
            raise DataError("all rows have one class", got=_name(present.pop(), class_names), expected="two or more")
    else:
        absent = [c for c in range(y.shape[1]) if not bool(trained[:, c].any()) and bool(y[:, c].any())]
    if absent:
        raise DataError(
            "a class has no training row",
            got=", ".join(_name(c, class_names) for c in absent[:10]),
            fix="move rows of it into training, or drop its rows from the other parts",
        )


def _name(c: int, names: Sequence[str]) -> str:
    return f"{names[c]!r}" if c < len(names) else f"class {c}"
