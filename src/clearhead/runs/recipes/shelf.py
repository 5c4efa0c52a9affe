"""Run folders on disk: what lies under a folder, and what of a run can be made again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import lock, read_json
from clearhead.core.errors import ArtifactError
from clearhead.core.finding import Estimate, Finding
from clearhead.runs.record import Record

__all__ = ["clean", "runs_under"]

STEPS = ("extract", "fit", "select", "debug", "report")
# What each step writes that the same command writes again; settings, heads and findings are not among it.
REMADE = {"extract": "features", "fit": "path", "report": "report", "figures": "figures"}


def runs_under(folder: Path) -> list[dict[str, Any]]:
    """One dictionary a run, by path: state (its last finished step), bytes, accuracy, features_per_class, at."""
    places = sorted(
        path.parent for path in Path(folder).glob("**/manifest.json") if (path.parent / "config.toml").exists()
    )
    return [_described(place) for place in places]


def _described(folder: Path) -> dict[str, Any]:
    steps = Record(folder).data["steps"]
    done = [step for step in STEPS if step in steps]
    chosen = folder / "findings" / "tradeoff.json"
    numbers = Finding.load(chosen).numbers if chosen.is_file() else {}
    accuracy = numbers.get("test_accuracy")
    return {
        "run": str(folder),
        "state": done[-1] if done else "empty",
        "bytes": _size(folder),
        "accuracy": accuracy.value if isinstance(accuracy, Estimate) else accuracy,
        "features_per_class": numbers.get("features_per_class"),
        "at": max((str(step["at"]) for step in steps.values()), default=""),
    }


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def clean(folder: Path, *, yes: bool = False) -> dict[str, int]:
    """Folder → bytes of what can be made again; deleted only if ``yes``.

    Raises `ArtifactError` for a folder that is no run. Links are left alone: what they lead to may be anyone's.
    """
    if not (folder / "config.toml").is_file() or "steps" not in read_json(folder / "manifest.json"):
        raise ArtifactError(f"{folder} is no run folder; nothing was removed", fix="clearhead ls")
    parts = {step: folder / name for step, name in REMADE.items()}
    found = {step: path for step, path in parts.items() if path.is_dir() and not path.is_symlink()}
    sizes = {path.name: _size(path) for path in found.values()}
    if yes:
        with lock(folder):
            record = Record(folder)
            for step, path in found.items():
                record.forget(step)
                shutil.rmtree(path)
    return sizes
