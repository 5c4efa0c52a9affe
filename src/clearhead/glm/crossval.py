"""K-fold cross-validation of a path on one shared λ grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.rows import as_rows, taken
from clearhead.core.seeds import numpy_generator
from clearhead.glm.losses import Loss
from clearhead.glm.metrics import score
from clearhead.glm.path import fit_path
from clearhead.glm.select import decisions

__all__ = ["CrossValidation", "assign_folds", "cross_validate"]


@dataclass(frozen=True)
class CrossValidation:
    """Mean held-out ``scores`` and their standard ``errors`` over folds, one a λ, and the chosen ``index``."""

    lambdas: tuple[float, ...]
    scores: tuple[float, ...]
    errors: tuple[float, ...]
    index: int
    metric: str


def cross_validate(
    X: Any,
    y: Any,
    *,
    loss: Loss,
    lambdas: Sequence[float],
    folds: int | Iterable[tuple[Any, Any]] = 5,
    rule: str = "best",
    metric: str | None = None,
    seed: int = 0,
    sample_weight: Any = None,
    **keywords: Any,
) -> CrossValidation:
    """Fit the path K times without a fold and score that fold; statistics for standardising come from the fitted rows.

    Parameters
    ----------
    X, y, loss, lambdas : as `fit_path`; every fold uses these λ's.
    folds : how many, or the (training rows, held-out rows) themselves.
    rule : "best", or "one_se": the largest λ within one standard error of the best.
    metric : default log loss for labels and mean squared error for a gaussian loss.
    """
    if rule not in ("best", "one_se"):
        raise SettingError("unknown rule", got=rule, expected="best or one_se")
    target = torch.as_tensor(y if isinstance(y, Tensor) else np.array(y))
    chosen = metric or ("mse" if loss.name == "gaussian" else "log_loss")
    if isinstance(folds, int):
        fold = assign_folds(target, folds, stratify=loss.name != "gaussian", seed=seed)
        splits = [(np.flatnonzero(fold != held), np.flatnonzero(fold == held)) for held in range(folds)]
    else:
        splits = [(np.asarray(kept), np.asarray(left)) for kept, left in folds]
    rows, table = as_rows(X), []
    weight = None if sample_weight is None else np.asarray(sample_weight)
    for kept, left in ((torch.from_numpy(a), torch.from_numpy(b)) for a, b in splits):
        inside = None if weight is None else weight[kept.numpy()]
        path = fit_path(
            taken(rows, kept), target[kept], loss=loss, lambdas=lambdas, sample_weight=inside, seed=seed, **keywords
        )
        Z = decisions(path, taken(rows, left))
        table.append([score(chosen, loss.name, Z[:, i], target[left]) for i in range(len(path))])
    scores = np.asarray(table)
    mean, error = scores.mean(0), scores.std(0, ddof=min(1, len(splits) - 1)) / np.sqrt(len(splits))
    best = int(mean.argmax())
    index = best if rule == "best" else int(np.flatnonzero(mean >= mean[best] - error[best])[0])
    return CrossValidation(tuple(lambdas), tuple(mean.tolist()), tuple(error.tolist()), index, chosen)


def assign_folds(target: Tensor, folds: int, *, stratify: bool, seed: int) -> np.ndarray:
    """(n,) fold of each row; with ``stratify`` each class is spread evenly (`SettingError` if a class is too small)."""
    n = len(target)
    if not 2 <= folds <= n:
        raise SettingError("the number of folds must lie between 2 and the number of rows", got=folds)
    generator = numpy_generator(seed, "folds")
    fold = np.empty(n, np.int64)
    groups = target.numpy() if stratify and target.ndim == 1 else np.zeros(n)
    offset = 0
    for value in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == value))
        if stratify and target.ndim == 1 and len(members) < 2:
            raise SettingError("a class has a single row, so no fold can leave it out", got=f"class {value:g}")
        fold[members] = (np.arange(len(members)) + offset) % folds
        offset += len(members)
    return fold
