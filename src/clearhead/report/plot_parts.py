"""What the static figures are put together from: a canvas, estimates with intervals, plates of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.core.finding import Table

__all__ = [
    "ACCENT", "DOTS", "MINUS", "SOFT", "WIDTH", "Drawing", "Look", "canvas", "framed", "intervals", "legend", "plain",
    "tiles",
]  # fmt: skip

ACCENT, MINUS, SOFT = "#0b6787", "#b4500f", "#8a877f"
WIDTH = 6.4  # inches
DOTS = 200  # an inch
Picture = npt.NDArray[Any]
Look = Callable[[str], Picture | None]
"""The picture that a finding names (or ``row/12``, a row of the table), None if it is not there."""
Drawing = tuple[str, Any]


def canvas(height: float = 3.6, columns: int = 1, **grid: Any) -> tuple[Any, Any]:
    """A figure of a page's width, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, columns, **grid)


def framed(picture: Picture) -> Any:
    """A figure that is one picture (h, w, 3), a dot a pixel: scaled once, not by every format's drawing of it."""
    from matplotlib.figure import Figure
    from PIL import Image

    size = round(WIDTH * DOTS), round(WIDTH * DOTS * picture.shape[0] / picture.shape[1])
    scaled = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    figure = Figure(figsize=(WIDTH, size[1] / DOTS))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(scaled, interpolation="none", aspect="auto")
    axes.axis("off")
    return figure


def intervals(table: Table, value: str, label: str = "") -> Any:
    """Estimates of a table, one a row from the top, named by its first two columns of words."""
    named = [c for c, v in table.columns.items() if all(isinstance(x, str) for x in v)][:2]
    names = [" · ".join(str(row[c]) for c in named) or str(i) for i, row in enumerate(table.rows())]
    centre, low, high = (np.asarray(table.columns[c], float) for c in (value, "low", "high"))
    figure, axes = canvas(0.8 + 0.26 * len(table))
    at = np.arange(len(table))[::-1]
    axes.hlines(at, low, high, color=ACCENT, alpha=0.5, linewidth=2)
    axes.plot(centre, at, "o", color=ACCENT, markersize=5)
    axes.set_yticks(at, [plain(n) for n in names])
    axes.set(xlabel=label or value.replace("_", " "), ylim=(-0.6, len(table) - 0.4))
    return figure


def legend(axes: Any) -> None:
    """The names of what is drawn, in one line above it, where nothing is covered."""
    axes.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, ncols=4)


def tiles(axes: Any, pictures: Sequence[Picture], names: Sequence[str], across: int) -> None:
    """Pictures in rows on one axes, each with its name above."""
    down = -(-len(pictures) // across)
    for i, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        x, y = (i % across) / across, 1 - (i // across + 1) / down
        inset = axes.inset_axes((x + 0.01, y + 0.01, 0.98 / across - 0.01, 0.84 / down))
        inset.imshow(picture, interpolation="nearest" if max(picture.shape[:2]) < 64 else "antialiased")
        inset.axis("off")
        inset.set_title(plain(name), fontsize=7, pad=2)


def plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return (text if len(text) <= 60 else text[:59] + "…").replace("$", r"\$")
