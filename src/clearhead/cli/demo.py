"""``clearhead demo``: everything on an embedded default."""

from __future__ import annotations

from pathlib import Path

from clearhead.cli.output import Output

__all__ = ["demo"]


def demo(*, out: Path = Path("runs/demo"), output: Output | None = None) -> None:
    """Train a small network on real handwritten digits with a planted shortcut, and run the main job on it.

    One class carries a 3×3 mark in the corner of 95 % of its training images. Needs no network and no data on disk.

    Parameters
    ----------
    out : the run folder.
    """
    from clearhead.runs.demo import demo as tell

    output = output or Output()
    story = tell(out, output.progress())
    output.result(story.as_dict(), story.text())
