"""The file layout of Mechanical Turk, which self-hosted Turkle reads: HTML template, input CSV; results CSV back in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import write_text
from clearhead.core.errors import DataError
from clearhead.study.answers import FIELDS, Answer, from_form
from clearhead.study.exchange.placeholders import Slot, SlotTask, by_shape, named_things, snippet, suffix
from clearhead.study.exchange.tables import csv_text
from clearhead.study.server.pages import HERE, bare_task
from clearhead.study.store.people import digest
from clearhead.study.tasks.folder import media_files
from clearhead.study.tasks.model import Study, Task

__all__ = ["mturk_results", "read_mturk", "write_mturk"]

REJECTED = "Rejected"


def write_mturk(study: Study, folder: Path, out: Path, *, media_url: str = "media") -> list[Path]:
    """Write ``template.html`` and ``input.csv`` (one pair for each layout of tasks); the pairs' CSV files.

    ``media_url`` is where the pictures of ``folder/media`` will be reachable. The template holds no form element, as
    both tools wrap it in one.
    """
    from markupsafe import Markup

    files = media_files(folder)
    groups = by_shape(study)
    written = []
    style = (HERE / "static" / "style.css").read_text(encoding="utf-8")
    for number, tasks in enumerate(groups):
        slots = {
            n: Slot(Markup(f"${{{n}}}"), f"${{{n}_label}}", None if x.importance is None else f"${{{n}_importance}}")
            for n, x in named_things(tasks[0])
        }
        page = SlotTask(
            study.kind,
            tuple(s for n, s in slots.items() if n.startswith("pattern")),
            tuple(s for n, s in slots.items() if n.startswith("candidate")),
        )
        body = bare_task(page, study.content_warning, str)
        hidden = '<input type="hidden" name="task_id" value="${task_id}">'
        end = suffix(number, len(groups))
        write_text(out / f"template{end}.html", f"<style>{style}</style>\n<main>{body}{hidden}</main>\n")
        rows = [_row(task, lambda name: f"{media_url}/{files[name].name}") for task in tasks]
        path = out / f"input{end}.csv"
        write_text(path, csv_text(list(rows[0]), rows))
        written.append(path)
    return written


def _row(task: Task, picture: Callable[[str], str]) -> dict[str, Any]:
    row: dict[str, Any] = {"task_id": task.id}
    for name, shown in named_things(task):
        row[name] = snippet(shown, name.replace("_", " "), picture)
        if shown.label:
            row[f"{name}_label"] = shown.label
        if shown.importance is not None:
            row[f"{name}_importance"] = shown.importance
    return row


def mturk_results(answers: list[Answer], kind: str) -> str:
    """Answers in the layout of a results file; what `read_mturk` reads."""
    fields = FIELDS[kind]
    names = ["HITId", "AssignmentId", "WorkerId", "AssignmentStatus", "Input.task_id", *(f"Answer.{f}" for f in fields)]
    rows = (
        {
            "HITId": a.task,
            "AssignmentId": f"{a.task}-{a.annotator}",
            "WorkerId": a.annotator,
            "AssignmentStatus": "Submitted",
            "Input.task_id": a.task,
            **{f"Answer.{name}": a.values.get(name) for name in fields},
        }
        for a in answers
    )
    return csv_text(names, rows)


def read_mturk(study: Study, path: Path, *, pseudonyms: bool = True) -> list[Answer]:
    """Answers from a results CSV of MTurk or Turkle; rejected assignments are left out.

    ``pseudonyms`` replaces worker ids by a hash: they identify people elsewhere.

    Raises
    ------
    DataError : a column is missing, or an answer that its task does not allow; the line is named.
    """
    tasks = {t.id: t for t in study.tasks}
    text = Path(path).read_text(encoding="utf-8-sig")
    reader = csv.DictReader(io.StringIO(text))
    missing = {"WorkerId", "Input.task_id"} - set(reader.fieldnames or ())
    if missing:
        raise DataError(
            f"{path} is not a results file of MTurk or Turkle", got=sorted(missing), expected="those columns"
        )
    answers = []
    for line, row in enumerate(reader, start=2):
        if row.get("AssignmentStatus") == REJECTED:
            continue
        task = tasks.get(row["Input.task_id"])
        if task is None:
            raise DataError(f"line {line} of {path} answers a task that does not exist", got=row["Input.task_id"])
        worker = f"w{digest(row['WorkerId'])[:12]}" if pseudonyms else row["WorkerId"]
        try:
            answers.append(Answer(task.id, worker, from_form(task, _form(study.kind, row))))
        except DataError as error:
            raise DataError(f"line {line} of {path} cannot be read", got=error.what) from error
    return answers


def _form(kind: str, row: Mapping[str, str | None]) -> dict[str, list[str]]:
    """A row's answers as a form; several boxes come as ``a|b`` or as a column each (``Answer.matches.a``)."""
    form: dict[str, list[str]] = {}
    for name in FIELDS[kind]:
        text = (row.get(f"Answer.{name}") or "").removeprefix("'")
        values = text.split("|") if name == "matches" else [text]
        boxes = f"Answer.{name}."
        values += [key.removeprefix(boxes) for key, on in row.items()
                   if key and key.startswith(boxes) and (on or "").lower() in ("true", "on", "1")]  # fmt: skip
        if any(values):
            form[name] = [v for v in values if v]
    return form
