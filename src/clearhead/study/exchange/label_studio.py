"""Label Studio: tasks as JSON, the labelling page as XML, exported annotations back in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from clearhead.core.artifacts import read_json, write_json, write_text
from clearhead.core.errors import DataError
from clearhead.study.answers import FIELDS, Answer, from_form, to_form
from clearhead.study.exchange.placeholders import by_shape, named_things, suffix
from clearhead.study.tasks.folder import media_files
from clearhead.study.tasks.model import LETTERS, Study, Task

__all__ = ["label_config", "read_label_studio", "task_data", "with_annotations", "write_label_studio"]

CHOICES: Mapping[str, Sequence[tuple[str, str, tuple[str, ...]]]] = {
    "simulate": (("choice", "Which one is most likely what the AI is looking for?", ()),),
    "spurious": (
        ("pattern", "Do you see a prominent common pattern?", ("yes", "no")),
        ("where_a", "Is the pattern a part of the first category, or in its surroundings?", ("object", "surroundings")),
        (
            "where_b",
            "Is the pattern a part of the second category, or in its surroundings?",
            ("object", "surroundings"),
        ),
    ),
    "misclassification": (
        ("matches", "Select all patterns that match the example", ("a", "b")),
        ("best", "Which of the two matches better? (only if you selected both)", ("a", "b")),
    ),
}
CONFIDENCE = ("confidence", "How confident are you? 0 no confidence, 3 strongly confident", ("0", "1", "2", "3"))


def write_label_studio(study: Study, folder: Path, out: Path, *, media_url: str = "media") -> list[Path]:
    """Write ``tasks.json`` and ``config.xml`` (a pair for each layout of tasks); the JSON files.

    ``media_url`` is where Label Studio finds the pictures (for local files ``/data/local-files/?d=…/media``).
    """
    urls = {name: f"{media_url}/{path.name}" for name, path in media_files(folder).items()}
    groups = by_shape(study)
    written = []
    for number, tasks in enumerate(groups):
        end = suffix(number, len(groups))
        write_text(out / f"config{end}.xml", label_config(tasks[0], study.title))
        path = out / f"tasks{end}.json"
        write_json(path, [{"data": task_data(t, urls)} for t in tasks])
        written.append(path)
    return written


def task_data(task: Task, urls: Mapping[str, str]) -> dict[str, Any]:
    """The ``data`` of one task: every picture, sentence and word list under its own name."""
    data: dict[str, Any] = {"task_id": task.id}
    for name, shown in named_things(task):
        data |= {f"{name}_image_{i}": urls[m] for i, m in enumerate(shown.media, start=1)}
        data |= {f"{name}_text_{i}": text for i, text in enumerate(shown.texts, start=1)}
        if shown.words:
            data[f"{name}_words"] = ", ".join(word for word, _ in shown.words)
        caption = shown.label or ("" if shown.importance is None else f"Importance {shown.importance}")
        if caption:
            data[f"{name}_caption"] = caption
    return data


def label_config(task: Task, title: str) -> str:
    """The labelling page of tasks laid out like this one: objects first, then the questions."""
    view = ET.Element("View")
    ET.SubElement(view, "Header", value=title)
    for name in task_data(task, {m: "" for shown in task.shown() for m in shown.media}):
        if name != "task_id":
            ET.SubElement(view, "Image" if "_image_" in name else "Text", name=name, value=f"${name}")
    target = next(x.get("name", "") for x in view if x.tag in ("Image", "Text"))
    for field, question, options in (*CHOICES[task.kind], CONFIDENCE):
        ET.SubElement(view, "Header", value=question)
        many = "multiple" if field == "matches" else "single-radio"
        box = ET.SubElement(view, "Choices", name=field, toName=target, choice=many, showInline="true")
        for option in options or LETTERS[: len(task.candidates)]:
            ET.SubElement(box, "Choice", value=option)
    if task.kind == "spurious":
        ET.SubElement(view, "Header", value="Describe the pattern in less than five words")
        ET.SubElement(view, "TextArea", name="description", toName=target, maxSubmissions="1", editable="true")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def with_annotations(study: Study, answers: Sequence[Answer], urls: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tasks with their answers as Label Studio annotations, as it exports them; `read_label_studio` reads it back."""
    given: dict[str, list[Answer]] = {}
    for answer in answers:
        given.setdefault(answer.task, []).append(answer)
    exported = []
    for number, task in enumerate(study.tasks, start=1):
        data = task_data(task, urls)
        target = next(name for name in data if name != "task_id")
        annotations = [
            {
                "completed_by": {"email": a.annotator},
                "was_cancelled": not a.values,
                "result": [_result(name, target, values) for name, values in to_form(a.values).items()],
            }
            for a in given.get(task.id, ())
        ]
        exported.append({"id": number, "data": data, "annotations": annotations})
    return exported


def _result(name: str, target: str, values: list[str]) -> dict[str, Any]:
    kind = "textarea" if name == "description" else "choices"
    value = {"text" if kind == "textarea" else "choices": values}
    return {"from_name": name, "to_name": target, "type": kind, "value": value}


def read_label_studio(study: Study, *paths: Path) -> list[Answer]:
    """Answers from Label Studio's JSON export (not JSON-MIN); a cancelled annotation is blank.

    Raises
    ------
    DataError : not such an export, a task of another study, or an answer that its task does not allow.
    """
    tasks = {t.id: t for t in study.tasks}
    answers: dict[tuple[str, str], Answer] = {}
    for path in paths:
        rows = read_json(path)
        if not isinstance(rows, list):
            raise DataError(f"{path} is not Label Studio's JSON export", expected="a list of tasks with annotations")
        for row in rows:
            name = row.get("data", {}).get("task_id") if isinstance(row, Mapping) else None
            if name not in tasks:
                raise DataError(f"{path} holds a task that does not exist", got=name)
            for annotation in row.get("annotations", ()):
                answer = _answer(tasks[name], annotation)
                answers[answer.task, answer.annotator] = answer
    return [answers[pair] for pair in sorted(answers)]


def _answer(task: Task, annotation: Mapping[str, Any]) -> Answer:
    by = annotation.get("completed_by", "")
    person = str(by.get("email") or by.get("id", "")) if isinstance(by, Mapping) else f"ls{by}"
    form: dict[str, list[str]] = {}
    for part in () if annotation.get("was_cancelled") else annotation.get("result", ()):
        value = part.get("value", {})
        if part.get("from_name") in FIELDS[task.kind]:
            form[part["from_name"]] = [str(x) for x in value.get("choices") or value.get("text") or ()]
    return Answer(task.id, person, from_form(task, form))
