"""Data sets of the Hugging Face hub, or saved by its ``datasets`` library: images or texts with class labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.features.examples import Examples, as_image, join_splits
from clearhead.features.images import SPLIT_NAMES, check_size
from clearhead.features.spec import require
from clearhead.features.tables_in import code_labels

__all__ = ["load_hub"]


def load_hub(name: str, *, text_column: str | None = None, label_column: str | Sequence[str] | None = None) -> Examples:
    """``NAME`` or ``NAME@CONFIG``, ``:SPLIT`` after it for one split only; or a folder that ``save_to_disk`` wrote."""
    loaded = _load(name)
    parts = loaded if isinstance(loaded, dict) else {"train": loaded}
    named = {SPLIT_NAMES.get(split, split): part for split, part in parts.items()}
    made = {split: _examples(part, f"{name}:{split}", text_column, label_column) for split, part in named.items()}
    return next(iter(made.values())) if len(made) == 1 else join_splits(**made)


def _load(name: str) -> Any:
    datasets = require("datasets")
    if Path(name).is_dir():
        return datasets.load_from_disk(name)
    name, _, split = name.partition(":")
    name, _, config = name.partition("@")
    try:
        return datasets.load_dataset(name, config or None, split=split or None)
    except (OSError, ValueError, ConnectionError) as error:
        raise DataError(
            f"the data set {name!r} could not be loaded",
            got=error,
            fix="check the name, log in if it is gated, or give a folder that save_to_disk wrote",
        ) from error


def _examples(part: Any, origin: str, text: str | None, label: str | Sequence[str] | None) -> Examples:
    features = part.features
    kinds = {column: type(feature).__name__ for column, feature in features.items()}
    images = [column for column, kind in kinds.items() if kind == "Image"]
    column = images[0] if images and text is None else _pick(part, text, ("text", "sentence"), "--text-column")
    names = label.split(",") if isinstance(label, str) else list(label or [])
    names = names or [next((c for c, kind in kinds.items() if kind == "ClassLabel"), None) or _guess(part)]
    labels, classes = _labels(part, names, features, origin)
    rest = {
        c: np.asarray(part[c][:]) for c in part.column_names if c != column and c not in names and kinds[c] == "Value"
    }
    return Examples(
        (lambda i: _image(part[i][column], f"{origin}:{i}"))
        if images and text is None
        else (lambda i: str(part[i][column])),
        len(part),
        kind="image" if images and text is None else "text",
        labels=labels,
        class_names=classes,
        uris=[f"{origin}:{i}" for i in range(len(part))],
        columns=rest,
        key=content_key(origin, getattr(part, "_fingerprint", len(part)), names),
    )


def _image(value: Any, origin: str) -> Any:
    check_size(value, origin)
    return as_image(value)


def _labels(part: Any, names: list[str], features: Any, origin: str) -> tuple[np.ndarray, list[str]]:
    if len(names) > 1:
        return np.stack([np.asarray(part[_pick(part, name, (), "--label-column")][:]) for name in names], 1), names
    name = _pick(part, names[0], (), "--label-column")
    values = part[name][:]
    if type(features[name]).__name__ == "ClassLabel":
        return np.asarray(values), list(features[name].names)
    return code_labels(values, Path(origin))


def _guess(part: Any) -> str:
    return _pick(part, None, ("label", "labels", "target"), "--label-column")


def _pick(part: Any, name: str | None, guesses: Sequence[str], flag: str) -> str:
    found = [g for g in ((name,) if name else guesses) if g in part.column_names]
    if not found:
        raise DataError(
            f"the data set has no column {name or guesses[0]!r}", got=", ".join(part.column_names), fix=f"use {flag}"
        )
    return found[0]
