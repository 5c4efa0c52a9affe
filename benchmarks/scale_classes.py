"""Many classes: logits made anew by blocks against logits that are held, and 20,000 classes within a budget."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import torch

from clearhead.core.memory import show_bytes
from clearhead.glm import SolveOptions, fit_path
from clearhead.glm.solution import RegularizationPath
from scale_data import Clustered
from scale_memory import Peak

__all__ = ["classes"]

COMPARED = {"n": 20_000, "p": 256, "k": 500, "lambdas": 5, "ratio": 0.3, "budget": 150 << 20}
LARGE = {"n": 40_000, "p": 128, "k": 20_000, "lambdas": 3, "ratio": 0.6, "budget": 2 << 30}


def classes(_a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    job = COMPARED
    X, y = _rows(job)
    held, held_seconds, held_memory = _path(X, y, job, None)
    made, seconds, memory = _path(X, y, job, job["budget"])
    yield {
        **job,
        "seconds_held": held_seconds,
        "seconds_made_anew": seconds,
        "ratio_of_seconds": seconds / held_seconds,
        "anonymous_held": show_bytes(held_memory),
        "anonymous_made_anew": show_bytes(memory),
        "objectives_apart": max(abs(a.objective - b.objective) / a.null_loss for a, b in zip(held, made, strict=True)),
        "steps": [[s.n_iter for s in path] for path in (held, made)],
    }
    job = LARGE
    X, y = _rows(job)
    path, seconds, memory = _path(X, y, job, job["budget"])
    yield {
        **job,
        "seconds": seconds,
        "anonymous": show_bytes(memory),
        "anonymous_over_budget": memory / job["budget"],
        "one_array_of_rows_times_classes": show_bytes(4 * job["n"] * job["k"]),
        "steps": [s.n_iter for s in path],
        "reads": sum(s.info["reads"] for s in path),
        "nonzeros": [s.nonzeros for s in path],
        "worst_gap": path.worst_gap,
        "statuses": {s.name: n for s, n in path.statuses().items()},
    }


def _rows(job: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    made = Clustered(job["n"], job["p"], job["k"])
    made.labels = torch.arange(job["n"]) % job["k"]  # every class occurs
    return torch.cat([block for _, block in made.blocks()]), made.labels


def _path(
    X: torch.Tensor, y: torch.Tensor, job: dict[str, Any], budget: int | None
) -> tuple[RegularizationPath, float, int]:
    with Peak() as peak:
        began = time.perf_counter()
        path = fit_path(
            X,
            y,
            n_lambdas=job["lambdas"],
            lambda_min_ratio=job["ratio"],
            tol=1e-3,
            options=SolveOptions(memory=budget),
        )
        seconds = time.perf_counter() - began
    return path, seconds, peak.most
