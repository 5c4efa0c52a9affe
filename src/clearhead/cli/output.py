"""What a command says: results on stdout (text or JSON), progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from clearhead.core.progress import Progress, Silent

__all__ = ["Output"]

LINE_EVERY = 5.0  # seconds between progress lines where there is no terminal


@Parameter(name="*", group=Group("Output", sort_key=99))
@dataclass(frozen=True)
class Output:
    """How results are given."""

    json: Annotated[bool, Parameter(negative="", help="Print one JSON object on stdout instead of text.")] = False
    quiet: Annotated[bool, Parameter(negative="", help="No progress on stderr.")] = False

    def progress(self) -> Progress:
        """A live bar on a terminal, a line now and then elsewhere, nothing with --quiet."""
        if self.quiet:
            return Silent()
        return Bar() if sys.stderr.isatty() else Lines()

    def result(self, data: Mapping[str, Any], text: str) -> None:
        """Print the outcome: ``data`` with --json, else ``text``."""
        from clearhead.core.artifacts import plain

        print(json.dumps(plain(data), ensure_ascii=False) if self.json else text)


class Lines:
    """Progress as plain lines: the start, one every few seconds, the end."""

    def __init__(self) -> None:
        self.task, self.done, self.began, self.last = "", 0, 0.0, 0.0
        self.total: int | None = None

    def start(self, task: str, total: int | None = None) -> None:
        self.task, self.total, self.done, self.began = task, total, 0, time.monotonic()
        self.last = self.began
        self._say("started")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        now = time.monotonic()
        if now - self.last >= LINE_EVERY:
            self.last = now
            self._say(f"{self.done}/{self.total or '?'} {note}{self._left(now)}")

    def finish(self, note: str = "") -> None:
        self._say(f"done in {time.monotonic() - self.began:.1f} s {note}")

    def _left(self, now: float) -> str:
        if not self.total or not self.done:
            return ""
        return f" · {(now - self.began) / self.done * (self.total - self.done):.0f} s left"

    def _say(self, text: str) -> None:
        print(f"{self.task}: {text}".rstrip(), file=sys.stderr, flush=True)


class Bar:
    """Progress as a live bar drawn by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bars = RichProgress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
        self.current: Any = None

    def start(self, task: str, total: int | None = None) -> None:
        self.bars.start()
        self.current = self.bars.add_task(task, total=total, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.bars.update(self.current, advance=steps, note=note)

    def finish(self, note: str = "") -> None:
        total = self.bars.tasks[self.current].total or 1
        self.bars.update(self.current, total=total, completed=total, note=note)
        self.bars.stop()
