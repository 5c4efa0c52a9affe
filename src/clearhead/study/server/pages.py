"""The pages, rendered on the server from templates."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.study.tasks.model import LETTERS, Study, Task

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["CONFIDENCE", "HERE", "STATIC", "Pages", "bare_task"]

HERE = Path(__file__).parent
STATIC = {"style.css": "text/css", "keys.js": "text/javascript", "icon.svg": "image/svg+xml"}
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


def task_context(task: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a task needs; words carry one of five sizes, so that no style attribute is needed."""
    heaviest = max((abs(x) for shown in (*task.patterns, *task.candidates) for _, x in shown.words), default=0) or 1.0

    def sized(x: float) -> str:
        return f"w{max(1, min(5, round(5 * abs(x) / heaviest)))}"

    return {
        "task": task,
        "letters": LETTERS,
        "values": {**values, "confidence": str(values["confidence"])} if "confidence" in values else dict(values),
        "sized": sized,
        "confidence": CONFIDENCE,
    }


def bare_task(task: Any, warning: str, picture: Callable[[str], str]) -> str:
    """A task's questions without form, page or server, for other places that show them.

    ``task`` is a `Task`, or looks like one with ``slot`` (ready HTML) in the things it shows.
    """
    context = task_context(task, {})
    template = _environment().get_template(f"{task.kind}.html")
    return template.render(**context, layout="bare.html", warning=warning, picture=picture)


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
            f"{task.kind}.html",
            **task_context(task, values),
            layout="task.html",
            picture=lambda name: f"/media/{name}",
            submission=secrets.token_hex(16),
            **context,
        )
