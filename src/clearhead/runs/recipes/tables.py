"""Tables and curves of the paper: what the heads get right, how sparse they are, and how long the path takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import torch_generator
from clearhead.debug import ablation, confusion, features_per_class, tradeoff
from clearhead.debug.inputs import predicted
from clearhead.glm import ElasticNet, fit_path
from clearhead.glm.solution import RegularizationPath
from clearhead.runs.recipes.job import Job

__all__ = [
    "collected",
    "make_ablation",
    "make_confusion",
    "make_distribution",
    "make_runtime",
    "make_saga",
    "make_tradeoff",
]

COLUMNS = ("dense_all", "dense_top_k", "dense_rest", "sparse_all", "sparse_top_k", "sparse_rest")


def make_ablation(job: Job) -> list[Finding]:
    """A row of Table 37, beside the published one."""
    k = job.experiment.world.k if job.experiment.world else 10
    found = ablation(job.heads, *job.part("test"), k=k)
    values = {name: found.numbers[name] for name in COLUMNS}
    n = next(e.n for e in values.values() if isinstance(e, Estimate))
    ours = {"Dataset/Model": job.experiment.about["row"], "k": k}
    ours |= {name: round(100 * e.value, 2) for name, e in values.items() if isinstance(e, Estimate)} | {"n": n}
    published = {"Dataset/Model": "published", "k": k, **job.experiment.published, "n": None}
    table = Table({name: [ours[name], published[name]] for name in ours}, {"n": "test rows"})
    return [
        Finding(
            "ablation_row",
            f"{job.experiment.about['row']}: all, top-{k} and remaining features of each class",
            found.sentence,
            found.numbers,
            {"row": table},
            found.caveats,
            {**found.settings, "features_per_class": job.heads["sparse"].features_per_class},
        )
    ]


def collected(name: str, results: Sequence[Mapping[str, Any]]) -> Finding:
    """The rows of Table 37 that were run, as one table; Table 4b leaves out what only the appendix shows."""
    rows = [Finding.from_dict(data) for data in results]
    kept = [f for f in rows if name == "table37" or not _only_in_appendix(f.tables["row"].rows()[0]["Dataset/Model"])]
    if not kept:
        raise DataError("no row of Table 37 was run here", fix="clearhead paper run table37-sst --data FOLDER, first")
    lines = [{**f.tables["row"].rows()[0], "features_per_class": f.settings["features_per_class"]} for f in kept]
    table = Table({column: [line[column] for line in lines] for column in lines[0]})
    title = "Accuracy in percent of dense and sparse heads: all, top-k and remaining features"
    return Finding("ablation_rows", title, f"{len(lines)} rows of the table were run.", {}, {"row": table})


def _only_in_appendix(row: str) -> bool:
    return "wide" in row or any(f"({label})" in row for label in ("severe toxic", "threat", "identity hate"))


def make_tradeoff(job: Job) -> list[Finding]:
    """Accuracy along the path (Fig. 16)."""
    number = job.number or 0
    parts = {part: job.part(part) for part in ("train", "val", "test")}
    dense = {part: predicted(job.heads["dense"], X) for part, (X, _) in parts.items()}
    return [tradeoff(job.run.paths[number], parts, dense=dense, selected=job.run.chosen[number])]


def make_distribution(job: Job) -> list[Finding]:
    """How many features each class uses (Fig. 17)."""
    return [features_per_class(job.heads["sparse"])]


def make_confusion(job: Job) -> list[Finding]:
    """Confusion against shared features (Fig. 34)."""
    return [confusion(job.heads["sparse"], *job.part("test"), seed=job.run.config.data.seed)]


def make_runtime(job: Job) -> list[Finding]:
    """Table 36: minutes of the whole path on the first rows of a random order, each path with its worst gap."""
    about = job.experiment.about
    sizes = [size for size in about["sizes"] if size <= len(job.run.split.train)] or [len(job.run.split.train)]
    rows = []
    for solver in about["solvers"]:
        for size in sizes:
            minutes, path = _timed(job, size, solver)
            job.run.progress.advance(1, f"{solver}, {size} rows: {60 * minutes:.1f} s")
            statuses = ", ".join(f"{count} {status.name}" for status, count in path.statuses().items())
            row = {"solver": solver, "rows": size, "minutes": minutes}
            rows.append({**row, "worst_gap": path.worst_gap, "statuses": statuses})
    table = Table({name: [row[name] for row in rows] for name in rows[0]}, {"minutes": "wall time on this machine"})
    return [
        Finding(
            "runtime",
            "Time of a path against the number of examples",
            "; ".join(f"{r['rows']} rows with {r['solver']}: {60 * r['minutes']:.1f} s" for r in rows) + ".",
            {},
            {"row": table, "published": _published(job.experiment.published)},
            ("The published minutes are of other machines; only the growth with the number of rows compares.",),
            dict(about),
        )
    ]


def _published(published: Mapping[str, Any]) -> Table:
    return Table({"rows": published["sizes"], "glmnet": published["glmnet"], "glm-saga": published["glm-saga"]})


def _timed(job: Job, size: int, solver: str) -> tuple[float, RegularizationPath]:
    X, y = _sample(job, size)
    began = time.perf_counter()
    path = _fit(job, X, y, solver, job.experiment.about["lambda_min_ratio"])
    return (time.perf_counter() - began) / 60, path


def _sample(job: Job, size: int) -> tuple[Tensor, Tensor]:
    rows, seed = job.run.split.train, job.run.config.data.seed
    chosen = rows[torch.randperm(len(rows), generator=torch_generator(seed, "paper sizes"))[:size]].sort().values
    return job.run.table.take(chosen).float(), job.labels[chosen]


def _fit(job: Job, X: Tensor, y: Tensor, solver: str, ratio: float) -> RegularizationPath:
    fit = job.run.config.fit
    return fit_path(
        X,
        y,
        penalty=ElasticNet(l1_ratio=fit.l1_ratio),
        n_lambdas=fit.n_lambdas,
        lambda_min_ratio=ratio,
        tol=fit.tol,
        solver=solver,
    )


def make_saga(job: Job) -> list[Finding]:
    """Algorithm 1 on a sample, each λ beside the certificate that the paper's stopping rule does not have."""
    X, y = _sample(job, job.experiment.about["size"])
    path = _fit(job, X, y, "saga", job.run.config.fit.lambda_min_ratio)
    columns: dict[str, Sequence[Any]] = {
        "lambda": path.lambdas.tolist(),
        "features_per_class": [s.features_per_class for s in path],
        "objective": [s.objective for s in path],
        "gap": [s.gap for s in path],
        "status": [s.status.name for s in path],
    }
    sentence = f"{len(path)} λ's on {len(y)} rows, largest certified gap {path.worst_gap:.1e} of the null loss."
    return [Finding("saga", "Mini-batch SAGA along the path", sentence, {}, {"row": Table(columns)})]
