"""What the user names as data becomes `Examples`: a folder, a table, a hub's data set, or a function of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.features.examples import Examples, in_memory, join_splits
from clearhead.features.images import image_folder
from clearhead.features.layouts import LAYOUTS, load_layout, recognise
from clearhead.features.spec import call_function, hub_name
from clearhead.features.tables_in import is_table, text_table

__all__ = ["Examples", "in_memory", "join_splits", "load_examples"]


def load_examples(
    spec: str | Path | Examples,
    *,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Examples:
    """Examples from a spec.

    - a folder of class folders of images (below train, val and test, or not), or one that a known data set has:
      ImageNet-1k, SST, SST-2, Jigsaw, CIFAR are recognised, ``places10:FOLDER`` picks the paper's ten classes (and
      likewise ``imagenet:``, ``sst:``, ``sst2:``, ``jigsaw:``, ``cifar10:``, ``cifar100:``);
    - a ``.csv``, ``.tsv``, ``.csv.gz`` or ``.parquet`` with a text column and a label column (or several);
    - ``hf:NAME``, ``hf:NAME@CONFIG``, ``hf:NAME:SPLIT``, or a folder that ``datasets`` saved;
    - ``path.py:function`` or ``package.module:function`` returning `Examples`, or ``(examples, labels)``,
      ``(examples, labels, class_names)``, or a mapping of the arguments of `in_memory`.

    Raises `DataError` or `SettingError` saying what was found and what was expected.
    """
    if isinstance(spec, Examples):
        return spec
    path, text = Path(spec), str(spec)
    if hub := hub_name(text, ("hf",)):
        from clearhead.features.hub_data import load_hub

        return load_hub(hub[1], text_column=text_column, label_column=label_column)
    if named := hub_name(text, tuple(LAYOUTS)):
        return load_layout(named[0], Path(named[1]))
    if path.is_dir():
        return _from_folder(path, text_column, label_column, class_names)
    if path.is_file() and is_table(path):
        return text_table(path, text_column=text_column, label_column=label_column, class_names=class_names)
    if ":" in text and not path.exists():
        returned, source = call_function(text)
        return as_examples(returned, text, source)
    if not path.exists():
        raise DataError(f"{spec} does not exist", expected="a folder, a table, hf:NAME or path.py:function")
    raise DataError(
        f"{spec} is not data that can be read", got=path.suffix or "no suffix", expected=".csv, .tsv, .parquet"
    )


def as_examples(returned: Any, spec: str, source: str) -> Examples:
    """`Examples` from what a user's function returned; ``source`` (a hash of its file) enters the key."""
    if isinstance(returned, Examples):
        return returned
    if isinstance(returned, Mapping):
        arguments = dict(returned)
    elif isinstance(returned, tuple) and 2 <= len(returned) <= 3:
        arguments = dict(zip(("examples", "labels", "class_names"), returned, strict=False))
    else:
        raise DataError(
            f"{spec} returned {type(returned).__name__}",
            expected="Examples, (examples, labels), (examples, labels, class_names) or a mapping of these",
        )
    if "examples" not in arguments:
        raise DataError(f"{spec} returned a mapping without 'examples'", got=", ".join(arguments))
    made = in_memory(**arguments)
    made.key = content_key(made.key, source)
    return made


def _from_folder(
    path: Path, text_column: str | None, label_column: str | Sequence[str] | None, class_names: Sequence[str] | None
) -> Examples:
    if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
        from clearhead.features.hub_data import load_hub

        return load_hub(str(path), text_column=text_column, label_column=label_column)
    layout = recognise(path)
    if layout is not None:
        return layout.load(path)
    return image_folder(path, list(class_names) if class_names else None)
