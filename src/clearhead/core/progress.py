"""How long work tells that it is alive. The library reports; only the command line draws."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Receives the life of one task at a time: ``start``, any number of ``advance``, ``finish``."""

    def start(self, task: str, total: int | None = None) -> None:
        """A task begins; ``total`` steps if known."""
        ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        """``steps`` more are done; ``note`` is a few words to show beside the bar."""
        ...

    def finish(self, note: str = "") -> None:
        """The task is over."""
        ...


class Silent:
    """Progress that nobody watches: the default everywhere."""

    def start(self, task: str, total: int | None = None) -> None:
        pass

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass

    def finish(self, note: str = "") -> None:
        pass
