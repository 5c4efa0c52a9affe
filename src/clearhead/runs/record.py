"""What a run has done: ``manifest.json`` (one record a step, written after its files) and ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import clearhead
from clearhead.core.artifacts import plain, read_json, write_json
from clearhead.core.errors import ArtifactError

__all__ = ["Record"]

SCHEMA = 1
T = TypeVar("T")


class Record:
    """The steps a run has finished, each under the key of what went into it.

    A step whose key is recorded is not done again; a step cut off midway leaves no record, so it resumes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.json"
        self.data: dict[str, Any] = {"schema": SCHEMA, "clearhead": clearhead.__version__, "steps": {}, "facts": {}}
        if self.path.exists():
            data = read_json(self.path)
            if not isinstance(data, dict) or data.get("schema") != SCHEMA:
                raise ArtifactError(f"{self.path} was written by another version", fix="use another --out")
            self.data = data

    def step(self, name: str, key: str, outputs: list[Path], work: Callable[[], None], spent: float = 0.0) -> bool:
        """Do ``work`` unless this step is recorded under this key with all its outputs there; whether it was done.

        ``spent`` are seconds that went into it before.
        """
        if self.done(name, key, outputs):
            return False
        self.forget(name)
        self.log(name, "started", key=key)
        began = time.monotonic()
        work()
        seconds = spent + time.monotonic() - began
        self.data["steps"][name] = {"key": key, "seconds": round(seconds, 3), "at": _now()}
        self.save()
        self.log(name, "finished", seconds=round(seconds, 3))
        return True

    def done(self, name: str, key: str, outputs: list[Path]) -> bool:
        """Whether this step is recorded under this key with all its outputs there."""
        return self.key(name) == key and all(path.exists() for path in outputs)

    def key(self, name: str) -> str | None:
        """The key under which a step is recorded."""
        recorded: str | None = self.data["steps"].get(name, {}).get("key")
        return recorded

    def seconds(self) -> dict[str, float]:
        """Step → seconds it took when it was last done."""
        return {name: step["seconds"] for name, step in self.data["steps"].items()}

    def forget(self, name: str) -> None:
        """Drop a step's record before its files change."""
        if self.data["steps"].pop(name, None) is not None:
            self.save()

    def note(self, **facts: Any) -> None:
        """Keep facts about the run beside its steps."""
        self.data["facts"].update(plain(facts))
        self.save()

    @property
    def facts(self) -> dict[str, Any]:
        """What `note` kept."""
        facts: dict[str, Any] = self.data["facts"]
        return facts

    def save(self) -> None:
        """Write the manifest."""
        write_json(self.path, self.data)

    def log(self, step: str, event: str, **facts: Any) -> None:
        """Append one line to the log."""
        line = json.dumps(plain({"at": _now(), "step": step, "event": event, **facts}), ensure_ascii=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
