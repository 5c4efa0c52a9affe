"""Scores of a head on labelled rows. Larger is better for each, so log loss and calibration error are negated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clearhead.core.errors import SettingError

__all__ = ["METRICS", "probabilities", "score", "standard_error"]


def probabilities(loss: str, decision: Tensor) -> Tensor:
    """(n, K) class probabilities from the (n, k) linear predictor; one binomial output gives two classes."""
    if loss == "multinomial":
        return decision.double().softmax(1)
    if loss == "binomial" and decision.shape[1] == 1:
        q = decision.double().sigmoid()
        return torch.cat([1 - q, q], 1)
    raise SettingError(
        "class scores need a multinomial or a one-output binomial head", got=f"{loss}, {decision.shape[1]} outputs"
    )


def score(metric: str, loss: str, decision: Tensor, y: Tensor) -> float:
    """The score ``metric`` of a linear predictor (n, k) against labels (n,), or −mean squared error for gaussian."""
    if metric == "mse" or loss == "gaussian":
        target = y.double()[:, None] if y.ndim == 1 else y.double()
        return -float((decision.double() - target).square().sum(1).mean())
    if metric not in METRICS:
        raise SettingError("unknown metric", got=metric, expected=", ".join(sorted([*METRICS, "mse"])))
    return METRICS[metric](probabilities(loss, decision), y.to(torch.int64))


def standard_error(metric: str, loss: str, decision: Tensor, y: Tensor) -> float:
    """Standard error of the mean score over rows (of accuracy where the metric is not a mean over rows)."""
    if loss == "gaussian":
        target = y.double()[:, None] if y.ndim == 1 else y.double()
        values = (decision.double() - target).square().sum(1)
    else:
        P = probabilities(loss, decision)
        rows = torch.arange(len(y), device=P.device)
        log = metric == "log_loss"
        values = -P[rows, y].clamp(min=1e-300).log() if log else (P.argmax(1) == y).double()
    return float(values.std() / len(values) ** 0.5)


def _accuracy(P: Tensor, y: Tensor) -> float:
    return float((P.argmax(1) == y).double().mean())


def _balanced(P: Tensor, y: Tensor) -> float:
    hit = (P.argmax(1) == y).double()
    return float(torch.stack([hit[y == c].mean() for c in torch.unique(y)]).mean())


def _auroc(P: Tensor, y: Tensor) -> float:
    """Mean over the classes present of the one-against-rest area (ties count a half)."""
    areas = []
    classes = [1] if P.shape[1] == 2 else torch.unique(y).tolist()
    for c in classes:
        positive = y == c
        m, n = int(positive.sum()), int((~positive).sum())
        if m and n:
            areas.append((_ranks(P[:, c])[positive].sum() - m * (m + 1) / 2) / (m * n))
    return float(torch.stack(areas).mean()) if areas else float("nan")


def _ranks(values: Tensor) -> Tensor:
    _, inverse, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    middle: Tensor = last - (counts.double() - 1) / 2
    return middle[inverse]


def _log_loss(P: Tensor, y: Tensor) -> float:
    rows = torch.arange(len(y), device=P.device)
    return float(P[rows, y].clamp(min=1e-300).log().mean())


def _calibration(P: Tensor, y: Tensor, bins: int = 15) -> float:
    confidence, predicted = P.max(1)
    place = (confidence * bins).long().clamp(max=bins - 1)
    off = (
        ((predicted == y).double() - confidence)
        .new_zeros(bins)
        .index_add_(0, place, (predicted == y).double() - confidence)
    )
    return -float(off.abs().sum() / len(y))


METRICS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced,
    "auroc": _auroc,
    "log_loss": _log_loss,
    "calibration_error": _calibration,
}
