"""The extract step: from what the user named to a feature table, its rows, and the network's own answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from clearhead.core.artifacts import content_key, file_hash
from clearhead.core.errors import ModelError, SettingError
from clearhead.core.finding import Finding
from clearhead.core.rows import check_finite
from clearhead.features.backbone import Backbone, load_backbone
from clearhead.features.estimate import estimate_extraction
from clearhead.features.examples import Examples, join_splits
from clearhead.features.extract import extract as extract_features
from clearhead.features.images import SPLIT_NAMES
from clearhead.features.inputs import load_examples
from clearhead.features.job import ExtractOptions
from clearhead.features.rare import merge_rare
from clearhead.features.split import Split, split_rows
from clearhead.features.table import FeatureTable, from_file
from clearhead.runs.config import ModelSettings

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = [
    *("backbone", "column", "estimate", "example_numbers", "examples"),
    *("extract", "same_backbone", "split", "table"),
]


def extract(run: Run) -> Callable[[], None]:
    """Fill ``features/``, unless the table there was made from the same things; what is returned records it.

    Processes given the same network and data at once share the work; only one at a time may record.
    """
    if run.config.data.features is not None:
        return partial(_take_file, run, run.config.data.features)
    if (run.config.model.model or "model" in run.objects) and (run.config.data.data or "data" in run.objects):
        return _from_network(run)
    if not run.record.key("extract"):
        raise SettingError("nothing to extract", fix="pass --model and --data, or --features FILE")
    return lambda: None


def _take_file(run: Run, path: Path) -> None:
    data = run.config.data
    names = [_lines(file) for file in (data.feature_names, data.class_names)]
    key = content_key(file_hash(path) if path.is_file() else str(path), names)

    def work() -> None:
        run.progress.start("read features")
        table = from_file(path, run.folder / "features", feature_names=names[0], class_names=names[1])
        check_finite(table, table.feature_names)
        run.record.note(network=path.name, identity_error=None)
        run.progress.finish()

    run.record.step("extract", key, [run.folder / "features" / "manifest.json"], work)


def _lines(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    if not path.is_file():
        raise SettingError(f"{path} does not exist", expected="a text file with one name a line")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _from_network(run: Run) -> Callable[[], None]:
    data, settings = examples(run), run.config.model
    network = backbone(run, kind=data.kind)
    key = content_key(network.key, data.key, settings.feature_dtype, run.config.data.skip_unreadable, *_amp(settings))
    outputs, began = [run.folder / "features" / "manifest.json"], time.monotonic()
    if not run.record.done("extract", key, outputs):
        extract_features(
            network,
            data,
            run.folder / "features",
            batch_size=settings.batch_size,
            dtype=settings.feature_dtype,
            progress=run.progress,
            skip_unreadable=run.config.data.skip_unreadable,
            options=ExtractOptions(workers=settings.workers, amp=settings.amp, compile=settings.compile),
        )
    spent = time.monotonic() - began

    def note() -> None:
        run.record.note(
            network=network.source or type(network.model).__name__,
            backbone_key=network.key,
            feature_layer=network.feature_layer,
            head_layer=network.head_layer,
            identity_error=network.identity_error,
        )

    def record() -> None:
        run.record.step("extract", key, outputs, note, spent)

    return record


def _amp(settings: ModelSettings) -> list[str]:
    """Half precision makes other features; without it keys are what they were before there was a choice."""
    return [] if settings.amp is None else [settings.amp]


def estimate(run: Run) -> Finding:
    """The cost of extracting, from a few timed batches."""
    data, settings = examples(run), run.config.model
    network = backbone(run, kind=data.kind)
    options = ExtractOptions(workers=settings.workers, amp=settings.amp)
    return estimate_extraction(
        network, data, batch_size=settings.batch_size, dtype=settings.feature_dtype, options=options
    )


def backbone(run: Run, model: str | None = None, *, kind: str | None = None) -> Backbone:
    """The network of a run, for examples of this kind; ``model`` names it where the run was made from an object."""
    settings = run.config.model
    given = run.objects.get("model")
    if isinstance(given, Backbone):
        return given
    spec = model or settings.model
    if spec is None:
        raise SettingError("this needs the network again", fix="pass --model")
    return load_backbone(
        spec,
        feature_layer=settings.feature_layer,
        head_layer=settings.head_layer,
        kind=kind,
        device=_device(run.config.fit.device),
    )


def same_backbone(run: Run, model: str | None = None) -> Backbone:
    """The network again, refused if it is not the one whose features were fitted."""
    network = backbone(run, model, kind=run.table.kind)
    made_from = run.record.facts.get("backbone_key")
    if made_from is not None and network.key != made_from:
        raise ModelError(
            "this is not the network that the run was made from",
            got=f"weights and preprocessing {network.key}",
            expected=made_from,
            fix="pass the same --model, or make a new run",
        )
    return network


def examples(run: Run) -> Examples:
    """All examples of a run, with a column ``split`` where parts were given apart."""
    settings = run.config.data
    names = _lines(settings.class_names)

    def load(part: str) -> Examples | None:
        given = run.objects.get(part, getattr(settings, part))
        if given is None:
            return None
        labels = list(settings.label_column) or None
        return load_examples(given, text_column=settings.text_column, label_column=labels, class_names=names)

    data, val, test = load("data"), load("val"), load("test")
    if data is None:
        raise SettingError("this needs the examples again", fix="pass --data")
    return data if val is None and test is None else join_splits(train=data, val=val, test=test)


def _device(name: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def table(run: Run) -> FeatureTable:
    """The run's table, its rare labels merged where that was asked for."""
    found = FeatureTable.open(run.folder / "features")
    return merge_rare(found, run.split) if run.config.data.merge_rare else found


def split(run: Run) -> Split:
    """Which rows train, validate and test: by the labels as they were given, merged or not."""
    table, settings = FeatureTable.open(run.folder / "features"), run.config.data
    parts = column(table, settings.split_column or _own_parts(table))
    if settings.val_is_test and parts is not None and "test" not in parts:
        parts = np.where(parts == "val", "test", parts.astype(str))
    return split_rows(
        table.labels,
        seed=settings.seed,
        class_names=table.class_names,
        column=parts,
        groups=column(table, settings.split_by),
    )


def _own_parts(table: FeatureTable) -> str | None:
    """The column that says the data's own parts: of a known layout, of folders train and test, of --val and --test."""
    values = {str(value).lower() for value in np.unique(table.columns.get("split", []))}
    return "split" if values <= set(SPLIT_NAMES) and {SPLIT_NAMES[v] for v in values} >= {"train"} else None


def column(table: FeatureTable, name: str | None) -> NDArray[Any] | None:
    """A column of a table's rows; None for no name, `SettingError` for one that is not there."""
    if name is None:
        return None
    if name not in table.columns:
        known = ", ".join(table.columns) or "the table has no further columns"
        raise SettingError("no such column", got=name, expected=known)
    return table.columns[name]


def example_numbers(run: Run, data: Examples) -> list[int]:
    """Row of the table → number of its example: rows that could not be read are not in the table."""
    skipped = set(run.table.manifest.get("skipped", []))
    return [i for i, uri in enumerate(data.uris) if uri not in skipped] if skipped else list(range(len(data)))
