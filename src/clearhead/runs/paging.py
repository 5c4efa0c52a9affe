"""The report step: what the page needs of a run, handed to the report."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

import clearhead
from clearhead.core.artifacts import content_key
from clearhead.core.errors import SettingError
from clearhead.report import fill
from clearhead.report.page import asset, write_report
from clearhead.runs import choosing, fitting, sources
from clearhead.runs.verdicts import with_verdicts

if TYPE_CHECKING:
    from clearhead.report.bundle import Bundle
    from clearhead.runs.run import Run

__all__ = ["bundle", "picture_of", "report"]


def report(run: Run, against: Path | None = None, *, single_file: bool = False, force: bool = False) -> Path:
    """Write ``report/`` unless the page there shows the same run."""
    page = run.folder / "report" / "index.html"
    made_of = (
        run.record.key("debug"),
        [f.as_dict() for f in run.findings],
        str(against),
        single_file,
        run.config.data.sensitive,
    )
    key = content_key(clearhead.__version__, asset("app.js"), asset("app.css"), *made_of)

    def work() -> None:
        run.progress.start("report")
        write_report(bundle(run, against), run.folder / "report", single_file=single_file, force=force)
        run.progress.finish()

    run.record.step("report", key, [page], work)
    return page


def bundle(run: Run, against: Path | None = None) -> Bundle:
    """The page's data, beside that of another run: the one given, or the one that this was edited from."""
    source = fill.Source(
        title=run.folder.resolve().name,
        table=run.table,
        parts={part: getattr(run.split, part) for part in ("train", "val", "test")},
        paths=run.paths,
        chosen=run.chosen,
        head=run.head,
        dense=run.dense,
        dense_name=choosing.dense_source(run),
        labels=fitting.labels_of(run),
        network=run.table.prediction,
        picture=picture_of(run),
        findings=with_verdicts(run.findings),
        folder=run.folder,
        provenance=_provenance(run),
        caveats=choosing.caveats(run),
        edited=bool(run.record.facts.get("edited_from")),
        against=_against(run, against),
        sensitive=run.config.data.sensitive,
    )
    return fill.bundle(source, seed=run.config.data.seed)


def _against(run: Run, other: Path | None) -> Bundle | None:
    from clearhead.runs.run import Run

    if other is not None:
        return bundle(Run(other))
    origin = run.record.facts.get("edited_from")
    return bundle(Run(origin)) if origin and (Path(origin) / "head" / "head.json").exists() else None


def picture_of(run: Run) -> Callable[[int], Image.Image] | None:
    """Row → picture, or None where there are none (or the run was made from objects that are not here any more)."""
    if run.table.kind != "image":
        return None
    try:
        images = sources.examples(run)
    except SettingError:
        return None
    numbers = sources.example_numbers(run, images)
    return lambda row: images[numbers[row]]


def _provenance(run: Run) -> dict[str, Any]:
    versions = {"clearhead": clearhead.__version__, "torch": torch.__version__, "python": platform.python_version()}
    return {
        "versions": versions,
        "network": run.record.facts,
        "table": {"key": run.table.key, "rows": run.table.shape[0], "features": run.table.shape[1]},
        "split": run.split.note,
        "settings": {name: vars(section) for name, section in run.config.sections()},
        "seconds": run.record.seconds(),
        "command": _command(run),
    }


def _command(run: Run) -> str:
    """The command that makes the run again."""
    facts = run.record.facts
    if "edited_from" in facts:
        return f"clearhead edit {facts['edited_from']} {facts.get('edited_by', '')} --out {run.folder}"
    return f"clearhead run --out {run.folder}"
