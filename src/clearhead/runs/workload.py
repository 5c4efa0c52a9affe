"""A fit to plan, and how many steps its λ's take: formulas fitted to measured paths.

``scripts/bench scale --part steps`` fits the formulas again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from clearhead.core.errors import SettingError

__all__ = ["SEEN", "STORED", "Job", "formula_values", "steps_at", "working_share"]

STORED = {"fp16": 2, "bf16": 2, "fp32": 4, "fp64": 8}
# Poisson regression of the steps, and logistic regression of the share of features in the working set, over the λ's of
# eleven measured paths: intercept, log(λ_max/λ), log of the grid's spacing, log k, log(1/tol), log(n/p).
STEPS = (1.432, 0.205, 0.365, 0.137, 0.046, -0.442)
WORKING = (-2.187, 1.398, -0.554, 0.595, -0.358, -0.454)
SEEN = {"outputs": (2, 100), "tol": (1e-4, 1e-3), "rows_per_feature": (3.9, 78)}  # beyond: as at the nearest


@dataclass(frozen=True)
class Job:
    """A fit to plan. ``memory``: bytes a rank may use, a share of the device's when None; ``stored``: type on disk."""

    n: int
    p: int
    k: int
    ranks: int = 1
    lambdas: int = 100
    lambda_min_ratio: float = 1e-3
    tol: float = 1e-4
    memory: int | None = None
    stored: str = "fp16"

    def __post_init__(self) -> None:
        for name in ("n", "p", "k", "ranks", "lambdas"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1", got=getattr(self, name))
        if not 0 < self.lambda_min_ratio < 1 or not self.tol > 0:
            raise SettingError("the smallest λ over the largest lies between 0 and 1, and tol above 0")
        if self.stored not in STORED:
            raise SettingError("unknown type of the table", got=self.stored, expected=", ".join(STORED))

    @property
    def rows(self) -> int:
        """Rows of the largest rank."""
        return -(-self.n // self.ranks)

    @property
    def outputs(self) -> int:
        """Columns of weights: one for two classes."""
        return 1 if self.k == 2 else self.k

    @property
    def dtype(self) -> torch.dtype:
        """Of the arithmetic."""
        return torch.float64 if self.stored == "fp64" else torch.float32

    def keeps_halves(self, rate: float) -> bool:
        """Whether features stay in half precision: it is what they are stored in, and products of it have a rate."""
        return rate > 0 and self.stored in ("fp16", "bf16")

    @property
    def spacing(self) -> float:
        """log of one λ over the next."""
        return -math.log(self.lambda_min_ratio) / max(self.lambdas - 1, 1)


def steps_at(job: Job, index: int) -> float:
    """Expected steps at the λ with this number, 0 at the first."""
    return min(math.exp(_linear(STEPS, job, index)), 100.0) if index else 0.0


def working_share(job: Job, index: int) -> float:
    """Expected share of the features that inner solves work on at this λ."""
    return 1 / (1 + math.exp(-_linear(WORKING, job, index)))


def formula_values(job: Job, index: int) -> tuple[float, ...]:
    """What the formulas are linear in, held to the range that has been measured."""

    def inside(value: float, name: str) -> float:
        return math.log(min(max(value, SEEN[name][0]), SEEN[name][1]))

    return (
        1.0,
        index * job.spacing,
        math.log(job.spacing),
        inside(job.k, "outputs"),
        -inside(job.tol, "tol"),
        inside(job.n / job.p, "rows_per_feature"),
    )


def _linear(weights: tuple[float, ...], job: Job, index: int) -> float:
    return sum(w * v for w, v in zip(weights, formula_values(job, index), strict=True))
