"""What static figures need of a run beside its findings: pictures of rows, running times, the forms of its studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from clearhead.core.finding import Finding, Table
from clearhead.report.fill import thumbnail_bytes
from clearhead.runs import paging
from clearhead.study.tasks import load_study, media_files

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["Pictures", "drawn", "forms", "runtime"]

SIZE = 224
NAMES = {"patterns": "feature", "candidates": "input"}


def drawn(run: Run) -> list[Finding]:
    """The run's findings, and what only figures and tables show."""
    return [*run.findings, runtime(run), *forms(run)]


def runtime(run: Run) -> Finding:
    """Table 36: what the solver took for each path: rows, features, classes, seconds, iterations, reads of the data."""
    names = run.table.class_names if len(run.paths) > 1 else [""]
    rows: list[dict[str, Any]] = []
    for name, path in zip(names, run.paths, strict=True):
        infos = [solution.info for solution in path]
        rows.append(
            {
                "label": name,
                "solver": run.config.fit.solver,
                "n": len(run.split.train),
                "p": run.table.shape[1],
                "k": path[0].coef.shape[1],
                "lambdas": len(path),
                "seconds": sum(float(info.get("seconds", 0.0)) for info in infos),
                "iterations": sum(solution.n_iter for solution in path),
                "reads": sum(float(info.get("reads", 0.0)) for info in infos),
                "largest_gap": max(solution.gap for solution in path),
            }
        )
    total = sum(float(row["seconds"]) for row in rows)
    return Finding(
        kind="runtime",
        title="Running time of the path",
        sentence=f"{len(rows)} path{'s' if len(rows) > 1 else ''} took the solver {total:.3g} s.",
        tables={
            "paths": Table({key: [row[key] for row in rows] for key in rows[0]}, {"reads": "passes over the data"})
        },
        caveats=("Seconds are of this machine as it was then; other work on it counts.",),
    )


def forms(run: Run) -> Iterator[Finding]:
    """One task of each study that was built, as people see it: a finding of kind ``study_form``."""
    for folder in sorted((run.folder / "study").glob("*/tasks.json")):
        study, files = load_study(folder.parent), media_files(folder.parent)
        if not study.tasks:
            continue
        rows = []
        for part in ("patterns", "candidates"):
            for number, shown in enumerate(getattr(study.tasks[0], part), 1):
                weight = "" if shown.importance is None else f", importance {shown.importance}"
                rows.append(
                    {
                        "part": part,
                        "name": (shown.label or f"{NAMES[part]} {number}") + weight,
                        "pictures": [_address(run, files[m]) for m in shown.media if m in files],
                        "words": [*shown.texts, ", ".join(word for word, _ in shown.words)],
                    }
                )
        rows = [row | {"words": [w for w in row["words"] if w]} for row in rows]
        table = Table({key: [row[key] for row in rows] for key in ("part", "name", "pictures", "words")})
        settings = {"kind": study.kind}
        yield Finding("study_form", study.title, "", tables={"shown": table}, settings=settings)


def _address(run: Run, path: Any) -> str:
    return str(path.relative_to(run.folder))


class Pictures(Mapping[str, Any]):
    """Address → picture: files of the run's folder, and ``row/12`` for rows of its table; each read when asked for."""

    def __init__(self, run: Run) -> None:
        self._root, self._picture = run.folder.resolve(), paging.picture_of(run)

    def __getitem__(self, address: str) -> Any:
        part, _, row = address.rpartition("/")
        if part == "row" and row.isdigit() and self._picture is not None:
            return thumbnail_bytes(self._picture(int(row)), SIZE)
        path = (self._root / address).resolve()
        # A findings file from a stranger must not name files elsewhere.
        if not path.is_relative_to(self._root) or not path.is_file():
            raise KeyError(address)
        return path

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
