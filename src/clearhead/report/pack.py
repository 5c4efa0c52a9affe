"""A bundle as groups of plain data and typed arrays, ready to be cut into shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from clearhead.report.bundle import Bundle, Examples, Head, Ints
from clearhead.report.feature_data import feature_data
from clearhead.report.reference import TOP, Reference
from clearhead.report.rows import counts_table_rows
from clearhead.report.values import Packed, pack_values, predictions
from clearhead.report.verdict import certificate, verdict

__all__ = ["groups"]

Group = tuple[str, Mapping[str, Any]]
SCHEMA = 1
MAX_TEXT = 20_000
EXPLAINING = ("visualization", "superpixels", "words", "names", "exemplars", "features", "ordering", "panels")


def groups(bundle: Bundle, media: Mapping[str, str]) -> Iterator[Group]:
    """Yield (group, payload) in the order in which the page wants them; ``media`` maps names to addresses."""
    shipped = bundle.examples.features
    packed = pack_values(bundle.examples.values)
    yield "manifest", _manifest(bundle, media, packed)
    for i, head in enumerate(bundle.heads):
        yield f"head-{i}", _head(head, shipped)
    if bundle.dense is not None:
        yield "dense", _dense(bundle.dense)
    yield "examples", _examples(bundle, packed)
    yield "features", feature_data(bundle)
    for number, block in enumerate(packed.blocks()):
        yield f"values-{number}", {"q": block}
    for number, finding in enumerate(bundle.findings):
        yield f"finding-{number}", _finding(finding.as_dict(), media) | {"table_rows": counts_table_rows(finding)}
    if bundle.against is not None and _comparable(bundle, bundle.against):
        yield "against", _head(bundle.against.head, shipped)
    if bundle.removals:
        yield "removals", _typed(bundle.removals)


def _manifest(bundle: Bundle, media: Mapping[str, str], packed: Packed) -> dict[str, Any]:
    default = all(name == f"feature {j}" for j, name in enumerate(bundle.feature_names))
    examples = bundle.examples
    return {
        "schema": SCHEMA,
        "title": bundle.title,
        "kind": bundle.kind,
        "many_labels": examples.many_labels,
        "margin": bundle.head.margin,
        "classes": list(bundle.class_names),
        "n_features": len(bundle.feature_names),
        "feature_names": [] if default else list(bundle.feature_names),
        "shipped": examples.features.astype(np.int32),
        "path": [asdict(point) for point in bundle.path],
        "heads": [_head_summary(head) for head in bundle.heads],
        "selected": bundle.selected,
        "dense": None if bundle.dense is None else _reference_summary(bundle.dense),
        "dense_scores": dict(bundle.dense_scores),
        "scores": {split: bundle.score(split) for split in ("train", "val", "test")},
        "split_sizes": dict(bundle.split_sizes),
        "verdict": verdict(bundle),
        "certificate": certificate(bundle),
        "caveats": list(bundle.caveats),
        "n_examples": len(examples),
        "uniform_known": examples.uniform is not None,
        "sample_note": examples.note,
        "has_thumbnails": examples.thumbnails is not None,
        "has_removals": bool(bundle.removals),
        "has_network": examples.network is not None,
        "against": None if bundle.against is None else _against(bundle, bundle.against),
        "values": {"per_block": packed.per_block, "blocks": packed.n_blocks},
        "findings": [
            {"kind": f.kind, "title": f.title, "sentence": f.sentence, "explains": f.kind in EXPLAINING}
            for f in bundle.findings
        ],
        "mentions": _mentions(bundle),
        "media": dict(media),
        "sensitive": bundle.sensitive,
        "provenance": dict(bundle.provenance),
    }


def _mentions(bundle: Bundle) -> dict[str, list[int]]:
    """Feature number → findings about the head whose tables name it; what explains a feature is shown with it."""
    by_name = {name: j for j, name in enumerate(bundle.feature_names)}
    found: dict[int, set[int]] = {}
    for number, finding in enumerate(bundle.findings):
        if finding.kind in EXPLAINING:
            continue
        for table in finding.tables.values():
            for value in table.columns.get("feature", ()):
                feature = by_name.get(value) if isinstance(value, str) else value
                if isinstance(feature, int | np.integer):
                    found.setdefault(int(feature), set()).add(number)
    return {str(feature): sorted(numbers) for feature, numbers in sorted(found.items())}


def _comparable(bundle: Bundle, other: Bundle) -> bool:
    """Whether the two heads read the same features for the same classes, and all that the other uses ships."""
    same = list(bundle.class_names) == list(other.class_names)
    same = same and list(bundle.feature_names) == list(other.feature_names)
    return same and bool(np.isin(other.head.used(), bundle.examples.features).all())


def _against(bundle: Bundle, other: Bundle) -> dict[str, Any]:
    head = other.head
    return {
        "title": other.title,
        "verdict": verdict(other),
        "scores": {split: other.score(split) for split in ("val", "test")},
        "features_per_class": len(head.weight) / max(head.n_classes, 1),
        "features_used": len(head.used()),
        "comparable": _comparable(bundle, other),
    }


def _head_summary(head: Head) -> dict[str, Any]:
    return {
        "name": head.name,
        "lambda_": head.lambda_,
        "point": head.point,
        "nonzeros": len(head.weight),
        "used": len(head.used()),
        "per_class": np.bincount(head.column, minlength=head.n_classes).tolist(),
    }


def _reference_summary(reference: Reference) -> dict[str, Any]:
    return {
        "name": reference.name,
        "lambda_": None,
        "point": None,
        "nonzeros": int(reference.per_class.sum()),
        "used": reference.used,
        "per_class": reference.per_class.tolist(),
    }


def _head(head: Head, shipped: Ints) -> dict[str, Any]:
    order = np.lexsort((head.column, head.feature))
    place = np.searchsorted(shipped, head.feature[order])
    return {
        "feature": place.astype(np.int32),
        "column": head.column[order].astype(np.int32),
        "weight": head.weight[order].astype(np.float32),
        "intercept": head.intercept.astype(np.float32),
    }


def _dense(reference: Reference) -> dict[str, Any]:
    return {
        "top": TOP,
        "feature": reference.feature.astype(np.int32),
        "column": reference.column.astype(np.int32),
        "weight": reference.weight.astype(np.float32),
        "mass": reference.mass.astype(np.float32),
    }


def _examples(bundle: Bundle, packed: Packed) -> dict[str, Any]:
    examples = bundle.examples
    shown = predictions(bundle.head, examples, packed)
    return {
        **_answers("label", examples.labels, len(examples)),
        **_answers("network", examples.network, len(examples)),
        **_answers("predicted", shown.predicted, len(examples)),
        "row": _or_missing(examples.row, len(examples)),
        "uniform": _uniform(examples),
        "tie": shown.near_tie.astype(np.uint8),
        "split": list(examples.split),
        "uri": list(examples.uris),
        "text": [_clip(t) for t in examples.texts] if examples.texts is not None else [],
        "groups": list(examples.groups),
        **{f"group/{name}": list(values) for name, values in examples.groups.items()},
        "low": packed.low,
        "step": packed.step,
    }


def _or_missing(values: Ints | None, n: int) -> np.ndarray[Any, Any]:
    return np.full(n, -1, np.int32) if values is None else np.asarray(values).astype(np.int32)


def _answers(name: str, values: np.ndarray[Any, Any] | None, n: int) -> dict[str, Any]:
    """One class a row; where many labels hold at once, the first of them and all as (n, k) bits."""
    if values is None or np.ndim(values) == 1:
        return {name: _or_missing(values, n)}
    bits = np.asarray(values) > 0
    first = np.where(bits.any(1), bits.argmax(1), -1)
    return {name: first.astype(np.int32), f"{name}_bits": bits.astype(np.uint8)}


def _uniform(examples: Examples) -> np.ndarray[Any, Any]:
    given = examples.uniform
    marked = np.array([s == "test" for s in examples.split]) if given is None else np.asarray(given)
    return marked.astype(np.uint8)


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f" … ({len(text) - MAX_TEXT:,} more characters)"


def _finding(data: dict[str, Any], media: Mapping[str, str]) -> dict[str, Any]:
    """Columns become lists of their own, so that long tables can be cut."""
    tables = data.pop("tables")
    data["media"] = {name: media.get(path, media.get(name)) for name, path in data["media"].items()}
    shape = {name: {"columns": list(t["columns"]), "units": t["units"]} for name, t in tables.items()}
    columns = {
        f"{name}/{column}": list(values) for name, t in tables.items() for column, values in t["columns"].items()
    }
    return {
        **{k: v for k, v in data.items() if not isinstance(v, list)},
        "caveats": data["caveats"],
        "tables": shape,
    } | {f"table/{k}": v for k, v in columns.items()}


def _typed(data: Mapping[str, Any]) -> dict[str, Any]:
    def typed(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return value.astype(np.float32 if value.dtype.kind == "f" else np.int32)

    return {k: typed(v) for k, v in data.items()}
