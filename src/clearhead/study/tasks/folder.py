"""A study as a folder: ``tasks.json`` and ``media/`` for people, ``key.json`` for the analyst alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import atomic_path, content_key, plain, read_json, write_json
from clearhead.core.errors import ArtifactError
from clearhead.study.private import write_private_json
from clearhead.study.tasks.exhibits import encode
from clearhead.study.tasks.model import Decision, Key, Study, Task

__all__ = ["load_key", "load_study", "media_files", "save_study", "study_key"]

SCHEMA = 1
MEDIA_NAME = re.compile(r"(m\d{5,})\.(png|jpg)")


def save_study(study: Study, folder: Path, picture: Callable[[str], Any], max_side: int = 512) -> None:
    """Write a study: pictures first, then the key (readable by its owner only), then the tasks.

    ``picture`` takes a source name (`Exhibits.picture`) and returns a path, bytes, an image or an array.
    """
    folder = Path(folder)
    shutil.rmtree(folder / "media", ignore_errors=True)
    (folder / "media").mkdir(parents=True, exist_ok=True)
    for name, source in study.key.media.items():
        data, ending = encode(picture(source), max_side)
        with atomic_path(folder / "media" / f"{name}.{ending}") as temporary:
            temporary.write_bytes(data)
    key = {"schema": SCHEMA, "seed": study.key.seed, "truths": study.key.truths, "media": study.key.media}
    write_private_json(folder / "key.json", plain(key))
    settings = {name: value for name, value in study.settings.items() if name != "seed"}
    write_json(
        folder / "tasks.json",
        {
            "schema": SCHEMA,
            "kind": study.kind,
            "title": study.title,
            "answers_per_task": study.answers_per_task,
            "content_warning": study.content_warning,
            "settings": settings,
            "decisions": [asdict(x) for x in study.decisions],
            "tasks": [t.as_dict() for t in study.tasks],
        },
    )


def load_study(folder: Path, *, with_key: bool = False) -> Study:
    """Read what `save_study` wrote; the key stays unread (and empty) unless asked for."""
    data = _read(Path(folder) / "tasks.json")
    key = load_key(folder) if with_key else Key(0, {}, {})
    return Study(
        kind=data["kind"],
        title=data["title"],
        tasks=tuple(Task.from_dict(t) for t in data["tasks"]),
        key=key,
        settings=data["settings"],
        decisions=tuple(Decision(**x) for x in data["decisions"]),
        answers_per_task=data["answers_per_task"],
        content_warning=data["content_warning"],
    )


def study_key(study: Study) -> str:
    """What tells one study's tasks from another's, as long as they number and name them alike."""
    repeats = study.settings.get("repeats_of", {})
    return content_key([study.answers_per_task, repeats, *(t.as_dict() for t in study.tasks)])


def load_key(folder: Path) -> Key:
    """Arms, truths and sources of pictures."""
    data = _read(Path(folder) / "key.json")
    return Key(seed=data["seed"], truths=data["truths"], media=data["media"])


def media_files(folder: Path) -> dict[str, Path]:
    """Picture id → file: the only files of a study that a person may be sent."""
    found = ((MEDIA_NAME.fullmatch(path.name), path) for path in sorted((Path(folder) / "media").glob("m*")))
    return {match[1]: path for match, path in found if match}


def _read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = read_json(path)
    if data.get("schema") != SCHEMA:
        raise ArtifactError(f"{path} was written by another version", got=data.get("schema"), expected=SCHEMA)
    return data
