"""Edits: remove, clip, scale or merge features of a head, for all classes or some; the result is a new head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import read_json, write_json
from clearhead.core.errors import ArtifactError, InputError
from clearhead.head.sparse_head import SparseHead

__all__ = ["ACTIONS", "Edit", "apply_edits", "read_edits", "write_edits"]

SCHEMA = 1
EXPECTED = '{"schema": 1, "edits": [{"feature": 3, "action": "remove"}, …]}'


@dataclass(frozen=True)
class Edit:
    """One change of a head.

    Parameters
    ----------
    feature : number or name.
    action : "remove" (weight 0), "clip" (magnitude at most ``value``), "scale" (times ``value``) or
        "merge" (its weight is added to that of feature ``into``, both on standardised features, then removed).
    classes : numbers or names; None for all. A head with one score for two classes has one weight, so both change.
    """

    feature: int | str
    action: str = "remove"
    classes: tuple[int | str, ...] | None = None
    value: float | None = None
    into: int | str | None = None


def apply_edits(head: SparseHead, edits: Sequence[Edit]) -> SparseHead:
    """A new head with the edits applied in order; `InputError` names the edit that cannot be done.

    >>> import torch
    >>> from clearhead.core.scaling import Standardizer
    >>> head = SparseHead(torch.ones(2, 3), torch.zeros(3), Standardizer.identity(2))
    >>> apply_edits(head, [Edit(1, "remove", classes=(0,))]).weight
    tensor([[1., 1., 1.],
            [0., 1., 1.]])
    """
    weight = head.weight.clone()
    for number, edit in enumerate(edits):
        try:
            _apply(weight, head, edit)
        except InputError as error:
            raise InputError(
                f"edit {number}: {error.what}", got=error.got, expected=error.expected, fix=error.fix
            ) from None
    return head.with_weight(weight)


def _apply(weight: Tensor, head: SparseHead, edit: Edit) -> None:
    action = ACTIONS.get(edit.action)
    if action is None:
        raise InputError("unknown action", got=edit.action, expected=" or ".join(ACTIONS))
    row = head.feature_number(edit.feature)
    columns = _columns(head, edit.classes)
    weight[row, columns] = action(weight, head, edit, row, columns)


def _columns(head: SparseHead, classes: tuple[int | str, ...] | None) -> Tensor:
    if classes is None:
        return torch.arange(head.weight.shape[1])
    numbers = sorted({head.class_number(c) for c in classes})
    # A single score serves both classes: whichever is named, its one weight is meant.
    return torch.tensor(sorted({min(c, head.weight.shape[1] - 1) for c in numbers}))


def _value(edit: Edit) -> float:
    if edit.value is None or not torch.isfinite(torch.tensor(edit.value)):
        raise InputError(f"{edit.action} needs a finite value", got=edit.value)
    return edit.value


def _remove(weight: Tensor, head: SparseHead, edit: Edit, row: int, columns: Tensor) -> Tensor:
    return torch.zeros_like(weight[row, columns])


def _clip(weight: Tensor, head: SparseHead, edit: Edit, row: int, columns: Tensor) -> Tensor:
    limit = _value(edit)
    if limit < 0:
        raise InputError("clip needs a magnitude", got=limit, expected="0 or more")
    return weight[row, columns].clamp(-limit, limit)


def _scale(weight: Tensor, head: SparseHead, edit: Edit, row: int, columns: Tensor) -> Tensor:
    return weight[row, columns] * _value(edit)


def _merge(weight: Tensor, head: SparseHead, edit: Edit, row: int, columns: Tensor) -> Tensor:
    if edit.into is None:
        raise InputError("merge needs the feature to merge into", fix='add "into": NUMBER_OR_NAME')
    target = head.feature_number(edit.into)
    if target == row:
        raise InputError("a feature cannot be merged into itself", got=edit.into)
    weight[target, columns] += weight[row, columns]
    return torch.zeros_like(weight[row, columns])


ACTIONS: dict[str, Callable[[Tensor, SparseHead, Edit, int, Tensor], Tensor]] = {
    "remove": _remove,
    "clip": _clip,
    "scale": _scale,
    "merge": _merge,
}


def write_edits(path: Path, edits: Sequence[Edit]) -> None:
    """Write ``edits.json``."""
    write_json(path, {"schema": SCHEMA, "edits": [asdict(edit) for edit in edits]})


def read_edits(path: Path) -> list[Edit]:
    """Read ``edits.json``, also as the report's page downloads it."""
    try:
        data = read_json(path)
    except ArtifactError as error:
        fix = "write it by hand, or save it from the report's page Edit"
        raise InputError(error.what, got=error.got, expected=EXPECTED, fix=fix) from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("edits"), list):
        raise InputError(f"{path} is not a list of edits", expected=EXPECTED)
    return [_edit(path, i, entry) for i, entry in enumerate(data["edits"])]


def _edit(path: Path, number: int, entry: Any) -> Edit:
    known = set(Edit.__dataclass_fields__)
    if not isinstance(entry, dict) or "feature" not in entry or not set(entry) <= known:
        raise InputError(f"{path}: edit {number} is not understood", got=entry, expected=f"keys among {sorted(known)}")
    classes = entry.get("classes")
    return Edit(**{**entry, "classes": None if classes is None else tuple(classes)})
