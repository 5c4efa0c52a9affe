"""Examples: a lazy sequence of images or sentences with their labels, class names, origins and further columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.features.sidecar import as_labels

__all__ = ["Example", "Examples", "in_memory", "join_splits"]

Example = Image.Image | str


class Examples(Sequence[Example]):
    """n images (``PIL.Image`` in RGB) or n strings, loaded one by one when they are asked for.

    Parameters
    ----------
    load : example of a number 0…n−1; raises `DataError` naming the file if it cannot be read.
    n : how many there are.
    kind : "image" or "text".
    labels : int64 (n,), {0, 1} (n, m) for many labels at once, or None.
    class_names : one name a class (or a label).
    uris : where each came from; ``row 7`` if not given.
    columns : further arrays of n values: split, group, source, box, …
    key : content key of the data: equal keys, equal examples.

    Examples
    --------
    >>> reviews = Examples(["bad", "good", "fine"].__getitem__, 3, kind="text", labels=[0, 1, 1], key="three reviews")
    >>> reviews[1], reviews.subset([2, 0])[0], reviews.labels.tolist()
    ('good', 'fine', [0, 1, 1])
    """

    def __init__(
        self,
        load: Callable[[int], Example],
        n: int,
        *,
        kind: str,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        uris: Sequence[str] | None = None,
        columns: Mapping[str, Any] | None = None,
        key: str,
    ) -> None:
        if kind not in ("image", "text"):
            raise DataError("unknown kind of examples", got=kind, expected='"image" or "text"')
        if n == 0:
            raise DataError("there are no examples", fix="check the path and the filters")
        self._load, self._n, self.kind, self.key = load, n, kind, key
        self.labels: Tensor | None = as_labels(labels, n)
        self.class_names = _class_names(self.labels, class_names)
        self.uris = list(uris) if uris is not None else [f"row {i}" for i in range(n)]
        self.columns = {name: np.asarray(values) for name, values in (columns or {}).items()}
        for name, length in {"uris": len(self.uris), **{k: len(v) for k, v in self.columns.items()}}.items():
            if length != n:
                raise DataError(f"the column {name!r} does not match the examples", got=length, expected=n)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return self.subset(range(*i.indices(self._n)))
        i = int(i)
        if not -self._n <= i < self._n:
            raise IndexError(i)
        return self._load(i % self._n)

    def subset(self, index: Any) -> Examples:
        """The examples with these numbers, in this order, still lazy."""
        rows = torch.as_tensor(np.asarray(index))
        rows = rows.nonzero().squeeze(1) if rows.dtype is torch.bool else rows.to(torch.int64)
        numbers, load = rows.tolist(), self._load
        return Examples(
            lambda i: load(numbers[i]),
            len(numbers),
            kind=self.kind,
            labels=None if self.labels is None else self.labels[rows],
            class_names=self.class_names,
            uris=[self.uris[i] for i in numbers],
            columns={name: values[rows.numpy()] for name, values in self.columns.items()},
            key=content_key(self.key, rows),
        )

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else f"{len(self.class_names)} classes"
        return f"Examples({self._n} of kind {self.kind}, {labels})"


def in_memory(
    examples: Any,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    *,
    columns: Mapping[str, Any] | None = None,
    uris: Sequence[str] | None = None,
    key: str | None = None,
) -> Examples:
    """Examples from strings, PIL images, a uint8 array (n, h, w, 3) or (n, h, w), or any lazy sequence of these."""
    n = len(examples)
    if n == 0:
        raise DataError("there are no examples")
    first = examples[0]
    kind = "text" if isinstance(first, str) else "image"
    if key is None:
        key = content_key(n, [_fingerprint(examples[i]) for i in _sampled(examples, n)], as_labels(labels, n))
    load = examples.__getitem__ if kind == "text" else lambda i: as_image(examples[i])
    return Examples(load, n, kind=kind, labels=labels, class_names=class_names, uris=uris, columns=columns, key=key)


def as_image(value: Any) -> Image.Image:
    """An RGB image from a PIL image or a uint8 array (h, w, 3) or (h, w)."""
    if isinstance(value, Image.Image):
        return value.convert("RGB")
    array = np.asarray(value)
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise DataError(
            "an image must be a PIL image or a uint8 array (height, width, 3)",
            got=f"{array.dtype} of shape {array.shape}",
            fix="scale to 0…255, convert to uint8 and put the channels last",
        )
    return Image.fromarray(array.squeeze(2) if array.ndim == 3 and array.shape[2] == 1 else array).convert("RGB")


def join_splits(**parts: Examples | None) -> Examples:
    """One `Examples` of several with a column ``split``: ``join_splits(train=a, val=b, test=c)``."""
    given = {name: part for name, part in parts.items() if part is not None}
    first = next(iter(given.values()))
    for name, part in given.items():
        _must_match(name, part, first)
    starts = np.cumsum([0] + [len(part) for part in given.values()])
    members = list(given.values())

    def load(i: int) -> Example:
        which = int(np.searchsorted(starts, i, side="right")) - 1
        example: Example = members[which][i - int(starts[which])]
        return example

    shared = [name for name in first.columns if all(name in part.columns for part in members) and name != "split"]
    columns = {name: np.concatenate([part.columns[name] for part in members]) for name in shared}
    columns["split"] = np.repeat(list(given), [len(part) for part in members])
    labels = [part.labels for part in members]
    return Examples(
        load,
        int(starts[-1]),
        kind=first.kind,
        labels=None if first.labels is None else torch.cat([part for part in labels if part is not None]),
        class_names=first.class_names,
        uris=[uri for part in members for uri in part.uris],
        columns=columns,
        key=content_key({name: part.key for name, part in given.items()}),
    )


def _must_match(name: str, part: Examples, first: Examples) -> None:
    if part.kind != first.kind or (part.labels is None) != (first.labels is None):
        raise DataError(f"the {name} examples are of another kind than the others", got=part, expected=first)
    if part.class_names != first.class_names:
        raise DataError(
            f"the {name} examples have other classes than the others",
            got=", ".join(part.class_names[:10]),
            expected=", ".join(first.class_names[:10]),
            fix="give every part the same classes, in the same order",
        )


def _class_names(labels: Tensor | None, names: Sequence[str] | None) -> list[str]:
    if labels is None:
        return list(names or [])
    k = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    if names is None:
        return [str(c) for c in range(k)]
    if len(names) < k or (labels.ndim == 2 and len(names) != k):
        raise DataError("class names do not match labels", got=f"{len(names)} names", expected=f"{k} classes")
    return [str(name) for name in names]


def _sampled(examples: Any, n: int) -> list[int]:
    # All of what is in memory anyway; of a lazy sequence only some, with n and every label.
    whole = isinstance(examples, np.ndarray | list | tuple)
    return list(range(n)) if whole else sorted({round(i * (n - 1) / 63) for i in range(64)})


def _fingerprint(example: Any) -> Any:
    return np.asarray(example) if isinstance(example, Image.Image) else example
