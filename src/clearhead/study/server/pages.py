"""The pages, rendered on the server from templates."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.study.tasks.model import LETTERS, Study, Task

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["CONFIDENCE", "STATIC", "Pages", "task_context"]

HERE = Path(__file__).parent
STATIC = {"style.css": "text/css", "keys.js": "text/javascript"}
CONFIDENCE = (
    ("0", "no confidence"),
    ("1", "slightly confident"),
    ("2", "moderately confident"),
    ("3", "strongly confident"),
)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)


def task_context(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a task needs; words carry one of five sizes, so that no style attribute is needed."""
    heaviest = max((x for shown in task.shown() for _, x in shown.words), default=1.0) or 1.0
    size = {1: "w1", 2: "w2", 3: "w3", 4: "w4", 5: "w5"}

    def sized(x: float) -> str:
        return size[max(1, min(5, round(5 * abs(x) / heaviest)))]

    return {
        "task": task,
        "letters": LETTERS,
        "values": {**values, "confidence": str(values["confidence"])} if "confidence" in values else dict(values),
        "sized": sized,
        "confidence": CONFIDENCE,
    }


class Pages:
    """Renders; knows the study's title and warning."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def render(self, template: str, **context: Any) -> str:
        """One page as HTML."""
        base = {"title": self.study.title, "warning": self.study.content_warning, "kind": self.study.kind}
        return _environment().get_template(template).render(**base, **context)

    def task(self, task: Task, values: Mapping[str, Any], **context: Any) -> str:
        """A task's form, with what was answered before; ``submission`` is this form's own mark."""
        return self.render(
            f"{task.kind}.html", **task_context(task, values), submission=secrets.token_hex(16), **context
        )
