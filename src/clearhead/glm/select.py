"""Choose one head of a path by held-out rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.rows import Rows, as_rows
from clearhead.glm.metrics import score, standard_error
from clearhead.glm.solution import RegularizationPath, Solution, Status

__all__ = ["Selection", "accuracy_at", "decisions", "information_criterion", "select"]

CRITERIA = {"bic": 0.0, "ebic": 0.5}  # rule → γ


@dataclass(frozen=True, eq=False)
class Selection:
    """The head that was chosen: its ``index`` on the path, the ``solution``, and the ``scores`` of all heads."""

    index: int
    solution: Solution
    scores: tuple[float, ...]
    rule: str
    metric: str
    best_index: int


def select(
    path: RegularizationPath,
    X_val: Any,
    y_val: Any,
    *,
    rule: str = "within",
    tolerance: float = 0.05,
    metric: str = "accuracy",
    target: float | None = None,
) -> Selection:
    """Choose a head on validation rows.

    Parameters
    ----------
    path, X_val, y_val : a path, raw features (m, p) and labels (m,) (values for a gaussian path).
    rule : "within": the sparsest whose score is at least best − ``tolerance`` (the paper's rule, never outside);
        "best": the sparsest of the best; "one_se": the sparsest within one standard error of the best;
        "target": the densest with at most ``target`` features per class;
        "bic", "ebic": the smallest information criterion of the training rows (extended with γ = 1/2).
    metric : accuracy, balanced_accuracy, auroc, log_loss, calibration_error, or mse.

    Raises
    ------
    SettingError : unknown rule or metric, empty path, or a target that no head meets.
    """
    if not len(path):
        raise SettingError("the path is empty, so nothing can be selected")
    labels = torch.as_tensor(y_val if isinstance(y_val, Tensor) else np.asarray(y_val)).cpu()
    Z = decisions(path, X_val)
    if len(labels) != len(Z):
        raise DataError("labels do not match rows", got=f"{len(labels)} labels", expected=str(len(Z)))
    scores = tuple(score(metric, s.loss, Z[:, i], labels) for i, s in enumerate(path))
    best = max(range(len(path)), key=lambda i: (scores[i], -path[i].nonzeros, -i))
    slack = tolerance
    if rule == "one_se":
        slack = standard_error(metric, path[best].loss, Z[:, best], labels)
    if rule in CRITERIA:
        criterion = information_criterion(path, _fitted_rows(path), gamma=CRITERIA[rule])
        index = min(range(len(path)), key=lambda i: (criterion[i], i))
    else:
        index = _choose(path, scores, best, rule, slack, target)
    return Selection(index, path[index], scores, rule, metric, best)


def information_criterion(path: RegularizationPath, n: int, *, gamma: float = 0.0) -> tuple[float, ...]:
    """2n·loss + df·log n + 2γ·df·log(pk) of every head: BIC, or the extended BIC (Chen and Chen 2008) for γ > 0.

    ``n`` is the number of training rows; df counts nonzero weights. The smallest value is the best.
    """
    return tuple(
        2 * n * s.info["loss"] + s.nonzeros * (math.log(n) + 2 * gamma * math.log(max(s.coef.numel(), 1))) for s in path
    )


def accuracy_at(
    path: RegularizationPath,
    X_val: Any,
    y_val: Any,
    targets: Sequence[float] = (5, 10, 15, 20, 25, 30),
    *,
    exact: bool = False,
) -> dict[float, float]:
    """Validation accuracy of the densest head with at most each number of weights a class (accuracy at NEC).

    ``exact``: of heads with exactly round(number × classes) weights: the sparsest head that has so many, of which the
    largest by magnitude are kept and not refitted, as those who report concept bottlenecks do.
    """
    if not exact:
        chosen = {t: select(path, X_val, y_val, rule="target", target=t) for t in targets}
        return {t: found.scores[found.index] for t, found in chosen.items()}
    labels = torch.as_tensor(y_val if isinstance(y_val, Tensor) else np.asarray(y_val)).cpu()
    pruned = RegularizationPath([_pruned(path, t) for t in targets])
    Z = decisions(pruned, X_val)
    return {t: score("accuracy", path[0].loss, Z[:, i], labels) for i, t in enumerate(targets)}


def _pruned(path: RegularizationPath, target: float) -> Solution:
    """The sparsest head with enough weights, reduced to exactly ``target`` a class on average."""
    count = round(target * path[0].coef.shape[1])
    enough = [s for s in path if s.nonzeros >= count]
    if not enough:
        raise SettingError("no head of the path is that dense", got=target, fix="lower the target or lambda_min_ratio")
    source = min(enough, key=lambda s: s.nonzeros)
    kept = source.coef.abs().flatten().argsort(descending=True, stable=True)[:count]
    coef = torch.zeros_like(source.coef).flatten()
    coef[kept] = source.coef.flatten()[kept]
    return replace(source, coef=coef.view_as(source.coef), status=Status.Uncertified, gap=math.inf, kkt=math.inf)


def _fitted_rows(path: RegularizationPath) -> int:
    if "rows" not in path[0].info:
        raise SettingError("the path does not say how many rows it was fitted on", fix="fit it again")
    return int(path[0].info["rows"])


def _choose(
    path: RegularizationPath, scores: tuple[float, ...], best: int, rule: str, slack: float, target: float | None
) -> int:
    if rule == "best":
        return best
    if rule in ("within", "one_se"):
        allowed = [i for i in range(len(path)) if scores[i] >= scores[best] - slack]
        return min(allowed, key=lambda i: (path[i].nonzeros, -scores[i]))
    if rule == "target":
        if target is None:
            raise SettingError("rule 'target' needs target=, a number of features per class")
        sparse = [i for i in range(len(path)) if path[i].features_per_class <= target]
        if not sparse:
            raise SettingError("no head of the path is that sparse", got=target, fix="raise target or lambda_max")
        return max(sparse, key=lambda i: (path[i].nonzeros, scores[i]))
    raise SettingError("unknown selection rule", got=rule, expected="within, best, one_se, target, bic or ebic")


def decisions(path: RegularizationPath, X: Any) -> Tensor:
    """(m, len(path), k) linear predictors of raw features under every head of the path, in one pass over the rows."""
    rows: Rows = as_rows(X)
    scaler = path[0].standardizer
    if rows.shape[1] != len(scaler.mean):
        raise DataError("features do not match the path", got=f"{rows.shape[1]} columns", expected=len(scaler.mean))
    k = path[0].coef.shape[1]
    coef = torch.cat([s.coef.cpu() for s in path], 1)
    used = (coef != 0).any(1)
    intercept = torch.cat([s.intercept.cpu() for s in path])
    out = torch.empty(rows.shape[0], len(path), k, dtype=torch.float64)
    for span, block in rows.blocks():
        Z = scaler.transform(block.detach().cpu())[:, used].to(coef) @ coef[used]
        out[span] = (Z.double() + intercept).view(-1, len(path), k)
    return out
