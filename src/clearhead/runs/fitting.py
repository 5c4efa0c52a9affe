"""The fit step: a certified path on the training rows, one λ a file, resumed where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key, read_json, write_json
from clearhead.core.errors import DataError, ModelError, SettingError
from clearhead.core.progress import Progress
from clearhead.features.rare import FEWEST_TRAIN, FEWEST_VAL, rare_labels
from clearhead.glm import Binomial, ElasticNet, GroupElasticNet, Multinomial, SolveOptions, fit_path
from clearhead.glm.path import lambda_grid
from clearhead.glm.penalties import Penalty
from clearhead.glm.resolve import resolve
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.glm.store import PathWriter, finish, load_path, load_prefix
from clearhead.runs.config import FitSettings

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["fit", "fit_key", "labels_of", "load", "resolved", "targets_of"]

SMALL = 1_000_000  # numbers up to which float64 costs nothing that a person would notice


def labels_of(run: Run) -> Tensor:
    """(n,) class numbers or (n, m) labels of the table; `DataError` without labels."""
    if run.table.labels is None:
        raise DataError("the examples have no labels", fix="pass --label-column, or class folders")
    return run.table.labels


def targets_of(run: Run) -> Tensor:
    """What the heads are fitted to: the labels, or the network's own predictions."""
    if run.config.fit.targets == "labels":
        return labels_of(run)
    predicted = run.table.prediction
    if predicted is None:
        raise ModelError(
            "--targets network needs a network with a head over the same classes", fix="use --targets labels"
        )
    return predicted


def problems(run: Run) -> Iterator[tuple[str, Tensor, Any]]:
    """(folder of the path, targets of all rows, loss): one problem, or one a label."""
    targets, settings = targets_of(run), run.config.fit
    if targets.ndim == 1:
        two = len(run.table.class_names) == 2 and settings.loss != "multinomial"
        if settings.loss == "binomial" and not two:
            raise SettingError("a binomial loss needs two classes", got=f"{len(run.table.class_names)} classes")
        yield "path", targets, Binomial() if two else Multinomial()
        return
    for column in range(targets.shape[1]):
        yield f"path/{column:03d}", targets[:, column], Binomial()


def fit_key(run: Run) -> str:
    """The key of the fit: the table, the rows fitted and the settings of the path."""
    return content_key(run.table.key, run.split.train, run.config.fit, [list(t.shape) for _, t, _ in problems(run)])


def fit(run: Run) -> None:
    """Fit every problem of the run; finished λ's of an interrupted fit are kept."""
    _refuse_rare(run)
    key = fit_key(run)
    outputs = [run.folder / folder / "path.json" for folder, _, _ in problems(run)]
    if run.record.key("fit") != key:
        for step in ("select", "debug"):
            run.record.forget(step)
    run.record.step("fit", key, outputs, lambda: _fit_all(run, key))


def load(run: Run) -> list[RegularizationPath]:
    """The stored paths."""
    return [load_path(run.folder / folder) for folder, _, _ in problems(run)]


def _fit_all(run: Run, key: str) -> None:
    settings, rows = run.config.fit, run.table.view(run.split.train)
    parts = {name: getattr(run.split, name).tolist() for name in ("train", "val", "test")}
    write_json(run.folder / "split.json", {"note": run.split.note, **parts})
    X = _in_memory(rows, settings.dtype, settings.device)
    for folder, targets, loss in problems(run):
        home = run.folder / folder
        done = _begin(home, content_key(key, folder))
        name = "fit" if folder == "path" else f"fit {run.table.class_names[int(folder[-3:])]}"
        run.progress.start(name, settings.n_lambdas)
        run.progress.advance(len(done), "resumed" if done else "")
        path = fit_path(
            X,
            targets[run.split.train],
            loss=loss,
            penalty=_penalty(settings),
            n_lambdas=settings.n_lambdas,
            lambda_min_ratio=settings.lambda_min_ratio,
            lambdas=_same_grid(done, settings),
            tol=settings.tol,
            solver=settings.solver,
            seed=run.config.data.seed,
            options=SolveOptions(resume=done, callback=PathWriter(home, _advance(run.progress))),
        )
        finish(home, len(path), path.stopped)
        run.progress.finish(f"worst gap {path.worst_gap:.1e}")


def resolved(run: Run, solutions: list[Solution]) -> list[Solution]:
    """The chosen solution of each path solved again to 1e-8, with its zeros certified."""
    rows = run.table.view(run.split.train)
    return [
        resolve(rows, targets[run.split.train], solution, loss=loss, penalty=_penalty(run.config.fit))
        for (_, targets, loss), solution in zip(problems(run), solutions, strict=True)
    ]


def _penalty(settings: FitSettings) -> Penalty:
    return (GroupElasticNet if settings.grouped else ElasticNet)(l1_ratio=settings.l1_ratio)


def _begin(folder: Path, key: str) -> list[Solution]:
    """The λ's finished under this key; anything else in the folder is removed."""
    started = folder / "started.json"
    if started.exists() and read_json(started).get("key") == key:
        (folder / "path.json").unlink(missing_ok=True)
        return load_prefix(folder)
    shutil.rmtree(folder, ignore_errors=True)
    write_json(started, {"key": key})
    return []


def _same_grid(done: list[Solution], settings: FitSettings) -> list[float] | None:
    """The grid of an interrupted path: λ_max may differ in its last digit on another number of threads."""
    return lambda_grid(done[0].lambda_, settings.n_lambdas, settings.lambda_min_ratio) if done else None


def _advance(progress: Progress) -> Callable[[int, Solution], bool]:
    def advance(index: int, solution: Solution) -> bool:
        sparsity = f"{solution.features_per_class:.1f} features a class"
        progress.advance(1, f"λ {solution.lambda_:.2e} · {sparsity} · gap {solution.gap:.0e}")
        return False

    return advance


def _in_memory(rows: Any, dtype: str, device: str) -> Tensor:
    """The training rows as one tensor in the type and on the device of the fit."""
    where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    small = torch.float64 if rows.shape[0] * rows.shape[1] <= SMALL else torch.float32
    kind = torch.promote_types(rows.dtype, small) if dtype == "auto" else getattr(torch, dtype)
    X = torch.empty(rows.shape, dtype=kind, device=where)
    for span, block in rows.blocks():
        X[span] = block.to(X)
    return X


def _refuse_rare(run: Run) -> None:
    """With many labels at once, name those with too few positives to fit or to select on."""
    rare = rare_labels(targets_of(run), run.split, run.table.class_names)
    if rare:
        raise DataError(
            "labels with too few positives",
            got="; ".join(map(str, rare)),
            expected=f"at least {FEWEST_TRAIN} in training and {FEWEST_VAL} in validation",
            fix="merge them (--merge-rare), leave these label columns out, or bring more rows",
        )
