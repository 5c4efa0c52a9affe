"""A study as a folder that opens from disk: no server, answers come back as a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json, write_text
from clearhead.core.errors import DataError
from clearhead.study.answers import Answer, read_values
from clearhead.study.server.pages import HERE, bare_task
from clearhead.study.tasks.folder import media_files, study_key
from clearhead.study.tasks.model import Study

__all__ = ["read_bundle", "write_bundle"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title><link rel="icon" href="icon.svg"><link rel="stylesheet" href="style.css"></head>
<body><main id="main"><noscript><p class="warning">This page needs JavaScript.</p></noscript></main>
<script src="tasks.js"></script><script src="bundle.js"></script></body></html>
"""


def write_bundle(study: Study, folder: Path, out: Path, *, people: int = 1, consent: str = "") -> None:
    """Write ``index.html``, ``tasks.js`` and ``media/``; nothing of arms or truths.

    Parameters
    ----------
    folder : the study's folder, for its pictures.
    people : how many people share the tasks; each person's list has every task with the same chance, each task is on
        ``study.answers_per_task`` lists (all of them when there are fewer people).
    """
    import html

    out = Path(out)
    (out / "media").mkdir(parents=True, exist_ok=True)
    files = media_files(folder)
    for path in files.values():
        shutil.copyfile(path, out / "media" / path.name)
    data: dict[str, Any] = {
        "study": study_key(study),
        "kind": study.kind,
        "title": study.title,
        "consent": consent,
        "lists": _lists(study, people),
        "pages": {
            t.id: bare_task(t, study.content_warning, lambda name: f"media/{files[name].name}") for t in study.tasks
        },
    }
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    write_text(out / "tasks.js", f"window.STUDY = {text};\n")
    for name in ("bundle.js", "style.css", "icon.svg"):
        shutil.copyfile(HERE / "static" / name, out / name)
    write_text(out / "index.html", PAGE.format(policy=POLICY, title=html.escape(study.title)))


def _lists(study: Study, people: int) -> list[list[str]]:
    """Task ids per person, dealt in turn."""
    each = min(study.answers_per_task, people)
    lists: list[list[str]] = [[] for _ in range(people)]
    for number, task in enumerate(study.tasks):
        for copy in range(each):
            lists[(number * each + copy) % people].append(task.id)
    return lists


def read_bundle(study: Study, *paths: Path) -> list[Answer]:
    """The answers in files that people saved from a bundle, each checked against its task.

    Raises
    ------
    DataError : a file of another study, or an answer that its task does not allow; the file is named.
    """
    tasks = {t.id: t for t in study.tasks}
    answers: dict[tuple[str, str], Answer] = {}
    for path in paths:
        data = read_json(path)
        if not isinstance(data, Mapping) or data.get("study") != study_key(study):
            raise DataError(f"{path} holds answers to another study", fix="import it where its tasks are")
        for row in data.get("answers", ()):
            if row.get("task") not in tasks:
                raise DataError(f"{path} answers a task that does not exist", got=row.get("task"))
            values = read_values(tasks[row["task"]], row.get("values", {}))
            answer = Answer(row["task"], str(row.get("annotator", data.get("annotator", ""))), values)
            answers[answer.task, answer.annotator] = answer
    return [answers[pair] for pair in sorted(answers)]
