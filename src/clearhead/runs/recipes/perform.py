"""One experiment from data and network to its files: the steps of a run, then what the paper shows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.core.progress import Progress, Silent
from clearhead.features.layouts import recognise
from clearhead.runs.recipes import people, pictures, tables, words
from clearhead.runs.recipes.catalogue import EXPERIMENTS, find
from clearhead.runs.recipes.experiment import Experiment, Options, World
from clearhead.runs.recipes.job import Job
from clearhead.runs.recipes.outputs import promised, write_outputs
from clearhead.runs.run import Run

__all__ = ["PRODUCTS", "Outcome", "perform"]

PRODUCTS: dict[str, Callable[[Job], list[Finding]]] = {
    "ablation": tables.make_ablation,
    "runtime": tables.make_runtime,
    "tradeoff": tables.make_tradeoff,
    "distribution": tables.make_distribution,
    "confusion": tables.make_confusion,
    "saga": tables.make_saga,
    "ordering": pictures.make_ordering,
    "panel": pictures.make_panel,
    "pairs": pictures.make_pairs,
    "mistakes": pictures.make_mistakes,
    "confusing": pictures.make_confusing,
    "paste": pictures.make_paste,
    "study": people.make_study,
    "answers": people.make_answers,
    "descriptions": people.make_descriptions,
    "words": words.make_words,
    "vocabulary": words.make_vocabulary,
    "substitutions": words.make_substitutions,
}


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to: its findings, and its files with those it promises first."""

    experiment: Experiment
    folder: Path
    findings: list[Finding]
    files: list[Path]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.experiment.name,
            "folder": str(self.folder),
            "files": [str(path) for path in self.files],
            "outputs": [str(self.folder / name) for name in self.experiment.outputs],
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def text(self) -> str:
        """For people: what was found, the table row if there is one, and where the files are."""
        row = self.folder / f"{self.experiment.label}.md"
        told = [f.sentence for f in self.findings[:1]]
        told += [row.read_text(encoding="utf-8")] if row.is_file() else []
        return "\n".join([*told, *(str(self.folder / name) for name in self.experiment.outputs)])


def perform(
    name: str,
    *,
    out: Path | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Outcome:
    """Run one experiment; the steps that its world's run has done already are not done again.

    Parameters
    ----------
    name : as `EXPERIMENTS` lists it.
    out : the run folder (``runs/paper/WORLD`` if None); files go to ``paper/NAME`` in it. For a collection, the folder
        of those runs (``runs/paper``).
    settings : ``data`` (a folder, or any spec), ``model``, and any setting of `RunConfig` that should differ.

    Raises
    ------
    SettingError : an unknown experiment, or data or network that must be named.

    Examples
    --------
    >>> perform("table37-sst", data="/data/sst", out=Path("runs/sst"))  # doctest: +SKIP
    """
    experiment, options = find(name), options or Options()
    if experiment.world is None:
        return _collect(experiment, out or Path("runs/paper"))
    run = _run(experiment.world, out or Path("runs/paper") / experiment.world.name, progress or Silent(), settings)
    folder = run.folder / "paper" / name
    found = PRODUCTS[experiment.product](Job(experiment, run, options, folder))
    return _finished(experiment, found, folder, run.folder)


def _finished(experiment: Experiment, found: list[Finding], folder: Path, run: Path) -> Outcome:
    made = write_outputs(experiment, found, folder, run)
    first = promised(experiment, folder)
    return Outcome(experiment, folder, found, [*first, *(path for path in made if path not in first)])


def _run(world: World, folder: Path, progress: Progress, given: dict[str, Any]) -> Run:
    """The world's run with a head selected."""
    spec, model = given.pop("data", None), given.pop("model", None) or world.model
    known = (folder / "config.toml").exists()
    if spec is None and not known:
        raise SettingError(f"{world.title} needs its data", expected=world.data, fix="pass --data FOLDER")
    if model is None and not known:
        raise SettingError(f"{world.title} needs its network", expected=world.network, fix="pass --model SPEC")
    sources = {"data": located(world, spec), "model": model} if spec is not None else {}
    run = Run(folder, progress=progress, **sources, **({**world.settings, **given} if sources else given))
    run.extract()
    run.fit().select()
    return run


def located(world: World, spec: str) -> str:
    """A folder with the prefix of the world's layout; any other spec as it is."""
    path = Path(spec)
    if not path.is_dir():
        return str(spec)
    layout = recognise(path)
    name = layout.name if layout and layout.name in world.layouts else world.layouts[0]
    return f"{name}:{path}"


def _collect(experiment: Experiment, root: Path) -> Outcome:
    names = [e.name for e in EXPERIMENTS.values() if e.product == "ablation"]
    places = [path for name in names for path in sorted(root.glob(f"**/paper/{name}/{name}.json"))]
    found = tables.collected(experiment.name, [read_json(path) for path in places])
    return _finished(experiment, [found], root, root)
