"""The heads along a path that a page carries, and the points of its trade-off curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from clearhead.core.finding import Finding
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.report.bundle import Head, PathPoint

__all__ = ["points", "spaced", "stacked"]

Paths = Sequence[RegularizationPath]


def offsets(paths: Paths, chosen: Sequence[int]) -> range:
    """Positions relative to the selected λ; one path a label is walked in step, each path's ends held."""
    longest = max(len(path) - at for path, at in zip(paths, chosen, strict=True))
    return range(-max(chosen), longest)


def _at(path: RegularizationPath, index: int) -> Solution:
    return path[min(max(index, 0), len(path) - 1)]


def _solutions(paths: Paths, chosen: Sequence[int], offset: int) -> list[Solution]:
    return [_at(path, at + offset) for path, at in zip(paths, chosen, strict=True)]


def stacked(paths: Paths, chosen: Sequence[int], offset: int) -> Head:
    """The head at an offset from the selected λ: one path's own, or all labels' side by side."""
    solutions = _solutions(paths, chosen, offset)
    coef = _joined([s.coef for s in solutions]).cpu().numpy()
    intercept = _joined([s.intercept for s in solutions]).cpu().numpy()
    named: dict[str, Any] = {"lambda_": _mean_lambda(solutions), "point": offset - offsets(paths, chosen)[0]}
    return (Head.of_labels if len(paths) > 1 else Head.from_matrix)(coef, intercept, **named)


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Side by side; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), -1)


def _mean_lambda(solutions: Sequence[Solution]) -> float:
    values = np.array([s.lambda_ for s in solutions])
    if (values == values[0]).all():  # to the last digit, which logarithms may lose
        return float(values[0])
    return float(np.exp(np.log(values).mean())) if (values > 0).all() else float(values.mean())


def points(paths: Paths, chosen: Sequence[int], tradeoff: Finding | None) -> list[PathPoint]:
    """Every point of the path, with the accuracies that the finding of kind "tradeoff" holds, if there is one."""
    table = tradeoff.tables["path"].rows() if tradeoff and len(paths) == 1 and "path" in tradeoff.tables else []
    first = offsets(paths, chosen)[0]
    return [_point(_solutions(paths, chosen, o), table[o - first] if table else {}) for o in offsets(paths, chosen)]


def _point(solutions: Sequence[Solution], scores: Mapping[str, Any]) -> PathPoint:
    worst = next((s for s in solutions if not s.status.ok), solutions[0])
    used = torch.stack([(s.coef != 0).any(1) for s in solutions]).any(0)
    columns = sum(max(s.coef.shape[1], 1) for s in solutions)
    return PathPoint(
        lambda_=_mean_lambda(solutions),
        features_per_class=sum(s.nonzeros for s in solutions) / columns,
        features_used=int(used.sum()),
        density=sum(s.nonzeros for s in solutions) / sum(s.coef.numel() for s in solutions),
        gap=max(s.gap for s in solutions),
        status=worst.status.name,
        kkt=max(s.kkt for s in solutions),
        n_iter=sum(s.n_iter for s in solutions),
        **{name: scores.get(f"{name}_accuracy") for name in ("train", "val", "test")},
    )


def spaced(path: Sequence[PathPoint], selected: int, count: int) -> list[int]:
    """About ``count`` positions of a path, evenly spaced in log density, the selected one among them."""
    alive = [i for i, point in enumerate(path) if point.density > 0]
    if len(alive) <= count:
        return sorted({*alive, selected})
    height = np.log([path[i].density for i in alive])
    targets = np.linspace(height.min(), height.max(), count - 1)
    picked = {alive[int(np.abs(height - t).argmin())] for t in targets}
    return sorted(picked | {selected})
