"""A finding: the frozen result of an analysis. Analyses return it; report, study and cli present it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json, write_json
from clearhead.core.errors import ArtifactError, InputError

__all__ = ["Estimate", "Finding", "Scalar", "Table"]

Scalar = str | int | float | bool | None
SCHEMA = 1


@dataclass(frozen=True)
class Estimate:
    """A number estimated from a sample: value, its interval, the number of observations and the method.

    ``low`` and ``high`` bound a 95 % interval unless ``level`` says otherwise.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    level: float = 0.95


@dataclass(frozen=True)
class Table:
    """Named columns of equal length holding scalars (or short lists of them); ``units`` explains columns."""

    columns: Mapping[str, Sequence[Any]]
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError("the columns of a table have different lengths", got=lengths)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """The table as one dictionary a row."""
        names = list(self.columns)
        return [dict(zip(names, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]


@dataclass(frozen=True)
class Finding:
    """What an analysis found.

    Parameters
    ----------
    kind : snake_case name of the analysis; the report picks its section by it ("tradeoff", "confusion").
    title : a few words for a heading.
    sentence : one plain sentence that a reader can quote.
    numbers : named scalars and `Estimate`s.
    tables : named `Table`s.
    caveats : sentences that limit what may be concluded.
    settings : what was asked (k, seed, thresholds), enough to repeat it.
    media : name → path of a picture, relative to the run folder.
    """

    kind: str
    title: str
    sentence: str
    numbers: Mapping[str, Scalar | Estimate] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    media: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready data; `from_dict` is its inverse."""
        numbers = {k: asdict(v) if isinstance(v, Estimate) else v for k, v in self.numbers.items()}
        tables = {
            k: {"columns": {c: list(x) for c, x in t.columns.items()}, "units": dict(t.units)}
            for k, t in self.tables.items()
        }
        plain = {
            "kind": self.kind,
            "title": self.title,
            "sentence": self.sentence,
            "caveats": list(self.caveats),
        }
        return {
            "schema": SCHEMA,
            **plain,
            "numbers": numbers,
            "tables": tables,
            "settings": dict(self.settings),
            "media": dict(self.media),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `as_dict` described; `ArtifactError` if it is of another schema."""
        if data.get("schema") != SCHEMA:
            raise ArtifactError("this finding was written by another version", got=data.get("schema"), expected=SCHEMA)
        numbers = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in data["numbers"].items()}
        tables = {k: Table(**v) for k, v in data["tables"].items()}
        return cls(
            kind=data["kind"],
            title=data["title"],
            sentence=data["sentence"],
            numbers=numbers,
            tables=tables,
            caveats=tuple(data["caveats"]),
            settings=data["settings"],
            media=data["media"],
        )

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.as_dict())

    @classmethod
    def load(cls, path: Path) -> Finding:
        """Read what `save` wrote."""
        return cls.from_dict(read_json(path))
