"""Static figures and tables of a run: SVG, PDF and PNG; LaTeX and Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clearhead.core.artifacts import atomic_path, write_text
from clearhead.core.errors import MissingExtraError
from clearhead.core.finding import Finding
from clearhead.report.paper_tables import latex, markdown, tables
from clearhead.report.plot_parts import DOTS
from clearhead.report.plots import drawings

__all__ = ["write_figures"]

FORMATS = ("svg", "pdf", "png")
# Glyphs as text in SVG, as TrueType in PDF: what a journal asks for. Fixed salts and dates: equal input, equal file.
_STYLE: Any = {
    "font.size": 9,
    "font.family": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a877f",
    "axes.titlesize": 10,
    "axes.labelcolor": "#3a3935",
    "svg.fonttype": "none",
    "svg.hashsalt": "clearhead",
    "pdf.fonttype": 42,
    "savefig.dpi": DOTS,
}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def write_figures(
    findings: Sequence[Finding],
    folder: Path,
    *,
    media: Mapping[str, Any] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Draw every finding that can be drawn, and write its tables; returns the files made, each once.

    Parameters
    ----------
    findings : what the analyses found.
    folder : where ``NAME.svg`` etc. go; names begin with the number of the paper's figure or table.
    media : the pictures that findings name: address → encoded bytes, or a path (as in a `Bundle`).
    formats : "svg", "pdf", "png".

    Examples
    --------
    >>> write_figures(run.findings, Path("figures"))  # doctest: +SKIP
    """
    folder, made = Path(folder), []
    for finding in findings:
        made += _pictures(finding, folder, {} if media is None else media, formats)
        for name, table in tables(finding):
            for suffix, text in ((".md", markdown(table, finding.title)), (".tex", latex(table, finding.title))):
                made.append(folder / f"table-{_safe(name)}{suffix}")
                write_text(made[-1], text)
    return list(dict.fromkeys(made))


def _pictures(finding: Finding, folder: Path, media: Mapping[str, Any], formats: Sequence[str]) -> list[Path]:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError("matplotlib", "figures") from error
    made = []
    with mpl.rc_context(_STYLE):
        for name, figure in drawings(finding, lambda path: _look(media, path)):
            for suffix in formats:
                made.append(folder / f"figure-{_safe(name)}.{suffix}")
                with atomic_path(made[-1]) as temporary:
                    figure.savefig(temporary, format=suffix, metadata=_METADATA[suffix])
    return made


def _look(media: Mapping[str, Any], path: str) -> npt.NDArray[np.uint8] | None:
    from PIL import Image

    source = media.get(path)
    if source is None:
        return None
    try:
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
        return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError):
        return None


def _safe(name: str) -> str:
    return re.sub(r"-{2,}", "-", re.sub(r"[^\w.-]+", "-", name)).strip("-")[:100]
