"""A run: a folder as an object, and the steps that fill it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from clearhead.core import distributed
from clearhead.core.artifacts import lock, read_json, write_text
from clearhead.core.errors import ArtifactError, SettingError
from clearhead.core.finding import Finding
from clearhead.core.progress import Progress, Silent
from clearhead.features.split import Split
from clearhead.features.table import FeatureTable
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.head import Edit, SparseHead
from clearhead.runs import answer, choosing, debugging, editing, explaining, fitting, paging, sources, suspecting
from clearhead.runs.asking import DebugSettings
from clearhead.runs.config import RunConfig
from clearhead.runs.explaining import ExplainSettings
from clearhead.runs.record import Record
from clearhead.runs.summary import Summary

__all__ = ["Run"]


class Run:
    """The main job and all that belongs to it, in one folder.

    Parameters
    ----------
    folder : where everything is kept; an existing run is opened, and only what changed is done again.
    model, data, val, test : as on the command line (``"path.py:function"``, a folder, …), or objects: a `Backbone`, and
        `features.inputs.Examples`.
    progress : receives the life of long steps; silent by default.
    settings : any setting of `runs.config.RunConfig` by its own name (``n_lambdas=50, text_column="review"``).

    Examples
    --------
    >>> from clearhead import Run
    >>> run = Run("runs/birds", model="timm:resnet18", data="photos/")      # doctest: +SKIP
    >>> print(run().text())                                                 # doctest: +SKIP
    >>> run.head.top_features("albatross", 5)                               # doctest: +SKIP
    """

    def __init__(self, folder: Path | str, *, progress: Progress | None = None, **settings: Any) -> None:
        self.folder = Path(folder)
        self.progress: Progress = progress or Silent()
        sourced = ("model", "data", "val", "test")
        self.objects = {k: settings.pop(k) for k in sourced if not isinstance(settings.get(k), str | None | Path)}
        known = self.folder / "config.toml"
        # Naming the sources says everything anew; otherwise what is given changes what the run was asked for.
        anew = bool(self.objects) or any(settings.get(name) for name in (*sourced, "features"))
        existing = RunConfig.load(known) if known.exists() and not anew else RunConfig()
        self.config = existing.updated(**{k: str(v) if k in sourced and v else v for k, v in settings.items()})
        self.record = Record(self.folder)

    @classmethod
    def at(cls, folder: Path, *, progress: Progress | None = None) -> Run:
        """The run in a folder; `ArtifactError` if there is none, and nothing is written then."""
        if not (folder / "manifest.json").exists():
            raise ArtifactError(
                f"{folder} is no run", fix="clearhead ls shows those there are; clearhead run makes one"
            )
        return cls(folder, progress=progress)

    def __call__(self) -> Summary:
        """The main job: extract, fit, select, debug, report; what is done already is not done again."""
        self.extract()
        self.fit().select().debug().report()
        return self.summary()

    def extract(self) -> FeatureTable:
        """The deep features of all examples, on disk once."""
        with self._writing(shared=True):
            record = sources.extract(self)
        with self._writing(wait=60):  # another process that shared the work may be recording it
            self.record = Record(self.folder)
            record()
        return self._forget("table", "split").table

    def estimate(self) -> Finding:
        """What extracting would cost: shapes, bytes and time, from a few batches; nothing is written."""
        return sources.estimate(self)

    def fit(self) -> Run:
        """The certified path of sparse heads on the training rows."""
        self._needs_table()
        with self._writing():
            fitting.fit(self)
        return self._forget("paths")

    def assist(self) -> None:
        """The part of a rank above 0 in a fit under torchrun: wait for the table, then solve on its own rows."""
        distributed.share(None)
        self.record = Record(self.folder)  # what rank 0 has done meanwhile
        fitting.assist(self)

    def select(self) -> Run:
        """One head of the path, by its validation rows; and the dense reference."""
        if not self.record.key("fit"):
            self.fit()
        with self._writing():
            choosing.select(self)
        return self._forget("head", "dense", "chosen")

    def debug(self, settings: DebugSettings | None = None) -> Run:
        """The findings about the head; with settings also those that run the network again."""
        dense = settings is not None and settings.dense
        if not self.record.key("extract" if dense else "select"):
            self.extract() if dense else self.select()
        with self._writing():
            debugging.debug(self, settings)
            if settings is not None:
                debugging.deeper(self, settings)
        return self._forget("findings")

    def report(self, *, against: Path | str | None = None, single_file: bool = False, force: bool = False) -> Path:
        """The offline page, beside another run's head if one is given; returns its path."""
        if not self.record.key("debug"):
            self.debug()
        with self._writing():
            return paging.report(self, Path(against) if against else None, single_file=single_file, force=force)

    def explain(self, settings: ExplainSettings | None = None) -> list[Finding]:
        """What the head's features mean, as findings; the page shows them when it is next written."""
        self._needs("select")
        with self._writing():
            found = explaining.explain(self, settings or ExplainSettings())
        self._forget("findings")
        return found

    def edit(self, edits: Sequence[Edit], out: Path | str, **options: bool) -> Run:
        """A new run at ``out`` with edits applied to this one's head (``refit=True``: the rest fitted again)."""
        self._needs("extract" if options.get("dense") else "select")
        return editing.edit(self, edits, Path(out), **options)

    def suspect(self, model: str | None = None, cue: str | None = None) -> Finding:
        """Which features follow the surroundings rather than the object; `mend` applies the repair it suggests.

        With ``cue``, a column that says what the shortcut would be, no picture is needed.
        """
        self._needs("select")
        with self._writing():
            finding = suspecting.suspect(self, model, cue)
        self._forget("findings")
        return finding

    def mend(self, out: Path | str) -> Run:
        """A new run at ``out`` with the suggested repair: features removed, the rest fitted again, the proof."""
        head, edits, gap = suspecting.suggested(self)
        return editing.derive(self, head, edits, Path(out), gaps=[gap], how="--suggested")

    def predict(self, inputs: list[Any]) -> list[dict[str, Any]]:
        """What the sparse head and the network say about new images (paths or PIL images) or texts."""
        return answer.predict(self, inputs)

    def why(self, example: Any, n: int = 10) -> dict[str, Any]:
        """The prediction for one image or text and the ``n`` features that made it."""
        return answer.why(self, example, n)

    def summary(self) -> Summary:
        """The numbers a person asks for first."""
        return choosing.summarise(self)

    @cached_property
    def table(self) -> FeatureTable:
        """The feature table."""
        self._needs("extract")
        return sources.table(self)

    @cached_property
    def split(self) -> Split:
        """Which rows train, validate and test."""
        return sources.split(self)

    @cached_property
    def paths(self) -> list[RegularizationPath]:
        """The fitted path; one a label where many labels hold at once."""
        self._needs("fit")
        return fitting.load(self)

    @property
    def path(self) -> RegularizationPath:
        """The fitted path of a single-label problem."""
        if len(self.paths) != 1:
            raise SettingError("this run has one path a label", got=f"{len(self.paths)} labels", fix="use run.paths")
        return self.paths[0]

    @cached_property
    def chosen(self) -> list[int]:
        """The number of the selected λ on each path."""
        self._needs("select")
        numbers: list[int] = read_json(self.folder / "head" / "selection.json")["index"]
        return numbers

    @property
    def solutions(self) -> list[Solution]:
        """The selected solution of each path."""
        return [path[i] for path, i in zip(self.paths, self.chosen, strict=True)]

    @cached_property
    def head(self) -> SparseHead:
        """The selected sparse head."""
        self._needs("select")
        return SparseHead.load(self.folder / "head")

    @cached_property
    def dense(self) -> SparseHead:
        """The reference: the network's own head on z, or the least regularised head where it has none to compare."""
        self._needs("select")
        return SparseHead.load(self.folder / "dense")

    @cached_property
    def findings(self) -> list[Finding]:
        """All findings of the run."""
        return [Finding.load(path) for path in sorted((self.folder / "findings").glob("*.json"))]

    def _needs_table(self) -> None:
        """Extract now if nothing is extracted: a step that holds the lock cannot start another."""
        if not self.record.key("extract"):
            self.extract()

    def _needs(self, step: str) -> None:
        if not self.record.key(step):
            raise ArtifactError(
                f"{self.folder} has no finished step {step!r}", fix=f"clearhead run --out {self.folder} …"
            )

    def _forget(self, *cached: str) -> Run:
        for name in cached:
            self.__dict__.pop(name, None)
        return self

    def _writing(self, *, shared: bool = False, wait: float = 0.0) -> Any:
        manager = lock(self.folder, shared=shared, wait=wait)
        known = self.folder / "config.toml"
        text = self.config.to_toml()
        if not known.exists() or known.read_text(encoding="utf-8") != text:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(known, text)
        return manager
