"""What a person answered: one form a kind of task, read strictly, and what counts as blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clearhead.core.errors import DataError
from clearhead.study.tasks.model import LETTERS, Task

__all__ = ["FIELDS", "MAX_TEXT", "Answer", "from_form", "is_blank", "read_values", "to_form"]

MAX_TEXT = 200
CONFIDENCE = ("0", "1", "2", "3")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "simulate": ("choice", "confidence"),
    "spurious": ("pattern", "confidence", "description", "where_a", "where_b"),
    "misclassification": ("matches", "best", "confidence"),
}
Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """One person's answer to one task.

    ``values`` has the fields of the kind (`FIELDS`); a blank answer has none set. ``surplus``: it came after the task
    had all the answers it needs. ``seconds`` and ``blurs`` (times the page lost focus) only where consent says so.
    """

    task: str
    annotator: str
    values: Mapping[str, Any]
    surplus: bool = False
    seconds: float | None = None
    blurs: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready data, its keys in a fixed order."""
        return {**asdict(self), "values": {name: self.values[name] for name in sorted(self.values)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        try:
            return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})
        except TypeError as error:
            raise DataError("an answer lacks its task, annotator or values", got=sorted(data)) from error


def is_blank(kind: str, values: Mapping[str, Any]) -> bool:
    """No selection was made: no image, no yes or no, no matching pattern."""
    first = FIELDS[kind][0]
    return not values.get(first)


def read_values(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an answer, checked against its task; empty for a blank one.

    Raises
    ------
    DataError : an option that the task does not have, or a selection without a confidence.
    """
    form = to_form({name: values.get(name) for name in FIELDS[task.kind]})
    return from_form(task, form)


def to_form(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Values as a form would send them; what is not set is left out."""
    form: dict[str, list[str]] = {}
    for name, value in values.items():
        items = value if isinstance(value, list | tuple) else [value]
        texts = [str(int(x)) if isinstance(x, float) and x.is_integer() else str(x) for x in items if x is not None]
        if texts:
            form[name] = texts
    return form


def from_form(task: Task, form: Form) -> dict[str, Any]:
    """The values that a submitted form holds; empty if nothing was selected (the paper's *blank*).

    Raises
    ------
    DataError : an option that the task does not have, or a selection without a confidence; worded for the person.
    """
    values = _READERS[task.kind](task, form)
    if is_blank(task.kind, values):
        return {}
    confidence = _one(form, "confidence", CONFIDENCE)
    if confidence is None:
        raise DataError("please say how confident you are")
    return {**values, "confidence": int(confidence)}


def _simulate(task: Task, form: Form) -> dict[str, Any]:
    choice = _one(form, "choice", LETTERS[: len(task.candidates)])
    return {} if choice is None else {"choice": choice}


def _spurious(task: Task, form: Form) -> dict[str, Any]:
    pattern = _one(form, "pattern", ("yes", "no"))
    if pattern is None:
        return {}
    values: dict[str, Any] = {"pattern": pattern}
    if pattern == "yes":
        values["description"] = " ".join(
            "".join(x for x in form.get("description", [""])[0] if x.isprintable() or x.isspace()).split()
        )[:MAX_TEXT]
        for name in ("where_a", "where_b"):
            values[name] = _one(form, name, ("object", "surroundings"))
    return {name: value for name, value in values.items() if value}


def _misclassification(task: Task, form: Form) -> dict[str, Any]:
    letters = LETTERS[: len(task.patterns)]
    matches = sorted(set(form.get("matches", ())))
    if any(len(x) != 1 or x not in letters for x in matches):
        raise DataError("that pattern is not on the page", got=matches, expected=list(letters))
    best = _one(form, "best", letters)
    if len(matches) == 1:
        best = matches[0]
    elif len(matches) > 1 and best is None:
        raise DataError("you selected both patterns: please say which one matches better")
    return {"matches": matches, "best": best} if matches else {}


_READERS = {"simulate": _simulate, "spurious": _spurious, "misclassification": _misclassification}


def _one(form: Form, name: str, allowed: Sequence[str]) -> str | None:
    sent = [x for x in form.get(name, ()) if x != ""]
    if not sent:
        return None
    if len(sent) > 1 or sent[0] not in list(allowed):
        raise DataError(f"“{name}” has a value that the page does not offer", got=sent, expected=list(allowed))
    return sent[0]
