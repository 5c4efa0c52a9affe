"""The files of an experiment: findings as JSON, figures as SVG, PDF and PNG, tables as Markdown and LaTeX."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from clearhead.core.artifacts import write_text
from clearhead.core.errors import ArtifactError
from clearhead.core.finding import Finding
from clearhead.report.figures import write_figures
from clearhead.report.paper_tables import LONGEST, latex, markdown
from clearhead.runs.recipes.experiment import Experiment

__all__ = ["promised", "write_outputs"]


def write_outputs(experiment: Experiment, findings: Sequence[Finding], folder: Path, run: Path) -> list[Path]:
    """Write everything under the experiment's label; the table "row" is the experiment's own.

    ``run`` is the folder that the findings' pictures are named relative to.
    """
    made: list[Path] = []
    several = len(findings) > 1
    for number, finding in enumerate(findings, 1):
        made.append(folder / (f"{experiment.label}-{number}.json" if several else f"{experiment.label}.json"))
        finding.save(made[-1])
        for name, table in finding.tables.items():
            if 0 < len(table) <= LONGEST:
                stem = experiment.label if name == "row" else f"{experiment.label}-{name}"
                for suffix, text in (("md", markdown(table, finding.title)), ("tex", latex(table, finding.title))):
                    made.append(folder / f"{stem}.{suffix}")
                    write_text(made[-1], text)
    return made + _figures(experiment, findings, folder, run)


def _figures(experiment: Experiment, findings: Sequence[Finding], folder: Path, run: Path) -> list[Path]:
    """Draw every finding, and name the figures after the experiment: by number, or as it promises them."""
    stems = list(dict.fromkeys(Path(name).stem for name in experiment.outputs if name.endswith(".svg")))
    if not stems:
        return []
    scratch, drawn = folder / ".drawn", []
    for finding in findings:
        media = {path: run / path for path in finding.media.values()}
        drawn += [path for path in write_figures([finding], scratch, media=media) if path.name.startswith("figure-")]
    names: dict[str, str] = {}
    for path in drawn:
        if path.stem not in names:
            n = len(names)
            names[path.stem] = stems[n] if n < len(stems) else f"{experiment.label}-{n + 1}"
    made = []
    for path in drawn:
        made.append(folder / f"{names[path.stem]}{path.suffix}")
        path.replace(made[-1])
    shutil.rmtree(scratch, ignore_errors=True)
    return made


def promised(experiment: Experiment, folder: Path) -> list[Path]:
    """The files that the experiment promises; `ArtifactError` naming those that were not made."""
    missing = [name for name in experiment.outputs if not (folder / name).is_file()]
    if missing:
        raise ArtifactError(
            f"{experiment.name} did not make all that it promises",
            got=f"no {', '.join(missing)} in {folder}",
            fix="the findings beside them say what there was to show",
        )
    return [folder / name for name in experiment.outputs]
