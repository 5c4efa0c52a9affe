"""The fit step: a certified path on the training rows, one λ a file, resumed where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.artifacts import content_key, read_json, write_json
from clearhead.core.errors import DataError, ModelError, SettingError
from clearhead.core.memory import parse_bytes
from clearhead.core.progress import Progress
from clearhead.core.rows import CastRows, Rows
from clearhead.features.rare import FEWEST_TRAIN, FEWEST_VAL, rare_labels
from clearhead.glm import Binomial, ElasticNet, GroupElasticNet, Multinomial, SolveOptions, fit_path
from clearhead.glm.many import fit_paths
from clearhead.glm.path import lambda_grid
from clearhead.glm.penalties import Penalty
from clearhead.glm.resolve import resolve
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.glm.store import PathWriter, finish, load_path, load_prefix
from clearhead.runs.config import FitSettings

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["fit", "fit_dtype", "fit_key", "labels_of", "load", "resolved", "targets_of"]

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
    distributed.share(not run.record.done("fit", key, outputs))
    run.record.step("fit", key, outputs, lambda: _fit_all(run, key))


def assist(run: Run) -> None:
    """What a rank above 0 does in a fit under torchrun: solve on its rows, write nothing."""
    if distributed.share(None):
        _fit_all(run, fit_key(run))


def load(run: Run) -> list[RegularizationPath]:
    """The stored paths."""
    return [load_path(run.folder / folder) for folder, _, _ in problems(run)]


def _fit_all(run: Run, key: str) -> None:
    """Under torchrun every rank comes here with its share of the rows; rank 0 alone writes."""
    settings, train = run.config.fit, run.split.train
    first = distributed.rank() == 0
    mine = train[distributed.shard(len(train))]
    if first:
        parts = {name: getattr(run.split, name).tolist() for name in ("train", "val", "test")}
        write_json(run.folder / "split.json", {"note": run.split.note, **parts})
    X, device = _typed(run.table.view(mine), len(train), settings), _device(settings.device)
    memory = None if settings.memory is None else parse_bytes(settings.memory)
    begun = [_Begun.at(run, content_key(key, folder), folder, first, memory) for folder, _, _ in problems(run)]
    labels = [(targets[mine], loss) for _, targets, loss in problems(run)]
    steps = len(begun) * settings.n_lambdas
    run.progress.start("fit" if len(begun) == 1 else f"fit of {len(begun)} labels", steps)
    done = sum(len(one.done) for one in begun)
    run.progress.advance(done, "resumed" if done else "")
    chosen: dict[str, Any] = {
        "loss": labels[0][1],
        "penalty": _penalty(settings),
        "n_lambdas": settings.n_lambdas,
        "lambda_min_ratio": settings.lambda_min_ratio,
        "tol": settings.tol,
        "solver": settings.solver,
        "device": device,
        "seed": run.config.data.seed,
    }
    grids, options = [_same_grid(one.done, settings) for one in begun], [one.options for one in begun]
    if len(labels) == 1:
        paths = [fit_path(X, labels[0][0], lambdas=grids[0], options=options[0], **chosen)]
    else:
        paths = fit_paths(X, torch.stack([y for y, _ in labels], 1), lambdas=grids, options=options, **chosen)
    if first:
        for one, path in zip(begun, paths, strict=True):
            finish(one.home, len(path), path.stopped)
    run.progress.finish(f"worst gap {max(path.worst_gap for path in paths):.1e}")


@dataclass(frozen=True)
class _Begun:
    """One path on disk: where it is, the λ's that an interrupted fit left, and the options that go on from there."""

    home: Path
    done: list[Solution]
    options: SolveOptions

    @classmethod
    def at(cls, run: Run, key: str, folder: str, first: bool, memory: int | None) -> _Begun:
        home = run.folder / folder
        done = distributed.share(_begin(home, key) if first else None)
        writer = PathWriter(home, _advance(run.progress)) if first else None
        return cls(home, done, SolveOptions(resume=done, callback=writer, memory=memory))


def resolved(run: Run, solutions: list[Solution]) -> list[Solution]:
    """The chosen solution of each path solved again to 1e-8, with its zeros certified."""
    rows, settings = run.table.view(run.split.train), run.config.fit
    common: dict[str, Any] = {"device": _device(settings.device), "options": SolveOptions(memory=_memory(settings))}
    return [
        resolve(rows, targets[run.split.train], solution, loss=loss, penalty=_penalty(settings), **common)
        for (_, targets, loss), solution in zip(problems(run), solutions, strict=True)
    ]


def _penalty(settings: FitSettings) -> Penalty:
    return (GroupElasticNet if settings.grouped else ElasticNet)(l1_ratio=settings.l1_ratio)


def _memory(settings: FitSettings) -> int | None:
    return None if settings.memory is None else parse_bytes(settings.memory)


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


def fit_dtype(stored: torch.dtype, size: int, settings: FitSettings) -> torch.dtype:
    """The type that rows of ``size`` numbers over all ranks are read in."""
    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)  # type: ignore[no-any-return]
    return torch.promote_types(stored, torch.float64) if size <= SMALL else stored


def _typed(rows: Rows, n: int, settings: FitSettings) -> Rows:
    """The rows in the type of the fit, widened block by block; ``n`` counts the rows of all ranks."""
    dtype = fit_dtype(rows.dtype, n * rows.shape[1], settings)
    return rows if dtype is rows.dtype else CastRows(rows, dtype)


def _device(device: str) -> str:
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    return distributed.local_device(chosen)


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
