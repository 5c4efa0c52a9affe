"""What each feature is by numbers: its distribution, the classes that use it, the features that move with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.core.rows import Rows
from clearhead.core.seeds import torch_generator
from clearhead.explain.selection import constant_note
from clearhead.explain.subject import Subject

__all__ = ["ProfileOptions", "correlations", "profile"]


@dataclass(frozen=True)
class ProfileOptions:
    """``bins`` of the histogram; ``correlated`` features listed; correlations from at most ``sample`` rows."""

    bins: int = 30
    correlated: int = 5
    sample: int = 20_000
    seed: int = 0


def profile(
    subject: Subject,
    features: Sequence[int],
    run: Path | str | None = None,
    options: ProfileOptions | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Histogram of z, weights by class, and the most correlated used features, of each feature.

    Tables "histogram" (``edges`` and ``counts`` are lists), "classes" and "correlated". Nothing is written to ``run``.
    """
    options, progress = options or ProfileOptions(), progress or Silent()
    progress.start("profiles", 2)
    histogram = _histogram(subject, list(features), options.bins)
    progress.advance()
    rows = subject.rows
    chosen = rows[torch.randperm(len(rows), generator=torch_generator(options.seed, "profile"))[: options.sample]]
    correlated = _correlated(subject, list(features), chosen.sort().values, options.correlated)
    progress.advance()
    progress.finish()
    return Finding(
        kind="features",
        title="Features by numbers",
        sentence=f"{len(features)} features: how they are distributed, which classes use them, which move together.",
        numbers={"features": len(features), "rows": len(rows), "rows_of_correlations": len(chosen)},
        tables={"histogram": histogram, "classes": _classes(subject, features), "correlated": correlated},
        caveats=constant_note(subject, features),
        settings={**asdict(options), "features": list(features)},
    )


def correlations(rows: Rows, columns: Tensor) -> Tensor:
    """(m, m) correlations of these columns, accumulated in float64; 0 for a constant column."""
    m, n = len(columns), rows.shape[0]
    shift, total, gram = torch.zeros(m).double(), torch.zeros(m).double(), torch.zeros(m, m).double()
    for span, block in rows.blocks():
        x = block[:, columns].double().cpu()
        # Any rough centre keeps the sums from cancelling; the first block's mean is one.
        shift = x.mean(0) if span.start == 0 else shift
        x = x - shift
        total, gram = total + x.sum(0), gram + x.T @ x
    mean = total / max(n, 1)
    covariance = gram / max(n, 1) - torch.outer(mean, mean)
    deviation = covariance.diagonal().clamp(min=0).sqrt()
    inverse = torch.where(deviation > 1e-9, 1 / deviation.clamp(min=1e-300), torch.zeros_like(deviation))
    return covariance * inverse[:, None] * inverse[None]


def _histogram(subject: Subject, features: list[int], bins: int) -> Table:
    columns, view = torch.tensor(features, dtype=torch.int64), subject.table.view(subject.rows)
    low, high = torch.full((len(features),), torch.inf), torch.full((len(features),), -torch.inf)
    for _, block in view.blocks():
        z = subject.standardize(block.cpu())[:, columns].float()
        low, high = torch.minimum(low, z.amin(0)), torch.maximum(high, z.amax(0))
    counts = torch.zeros(len(features), bins, dtype=torch.int64)
    width = (high - low).clamp(min=1e-12)
    for _, block in view.blocks():
        z = subject.standardize(block.cpu())[:, columns].float()
        place = ((z - low) / width * bins).long().clamp(0, bins - 1)
        counts.scatter_add_(1, place.T.contiguous(), torch.ones_like(place.T.contiguous()))
    edges = low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, bins + 1)
    return Table(
        {
            "feature": features,
            "name": [subject.head.feature_names[j] for j in features],
            "edges": edges.tolist(),
            "counts": counts.tolist(),
        },
        {"edges": "standard deviations", "counts": "examples"},
    )


def _classes(subject: Subject, features: Sequence[int]) -> Table:
    weights = subject.head.class_weights()
    dense = None if subject.dense is None else subject.dense.class_weights()
    entries: list[tuple[int, int]] = [
        (j, c)
        for j in features
        for c in weights[j].abs().argsort(descending=True).tolist()
        if float(weights[j, c]) != 0
    ]
    columns: dict[str, list[Any]] = {
        "feature": [j for j, _ in entries],
        "class": [subject.head.class_names[c] for _, c in entries],
        "weight": [float(weights[j, c]) for j, c in entries],
    }
    if dense is not None and dense.shape == weights.shape:
        columns["dense_weight"] = [float(dense[j, c]) for j, c in entries]
    return Table(columns, {"weight": "per standard deviation of the feature"})


def _correlated(subject: Subject, features: list[int], rows: Tensor, number: int) -> Table:
    used = sorted({*subject.features("used"), *features})
    matrix = correlations(subject.table.view(rows), torch.tensor(used, dtype=torch.int64))
    place = {j: i for i, j in enumerate(used)}
    entries = []
    for j in features:
        line = matrix[place[j]].clone()
        line[place[j]] = 0.0
        best = line.abs().argsort(descending=True)[:number].tolist()
        entries += [(j, used[i], float(line[i])) for i in best if float(line[i]) != 0]
    return Table(
        {
            "feature": [j for j, *_ in entries],
            "other": [other for _, other, _ in entries],
            "name": [subject.head.feature_names[other] for _, other, _ in entries],
            "correlation": [value for *_, value in entries],
        }
    )
