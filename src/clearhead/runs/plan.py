"""What a fit of a given size would take: memory, reads, traffic and time, before there is any data.

Steps a λ and the size of the working set follow formulas fitted to measured paths; what a step costs follows a
roofline, measured here or of a named device. ``scripts/bench scale --part steps`` fits the formulas again.

>>> from clearhead.runs.roofline import data_sheet
>>> plan(Job(n=1_280_000, p=2048, k=1000), data_sheet("H200")).form
'dense'
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from clearhead.core.errors import SettingError
from clearhead.core.memory import show_bytes
from clearhead.glm.design import padded_width
from clearhead.glm.designs import SHARE, workspace
from clearhead.glm.solvers.model import model_width
from clearhead.glm.solvers.prox_newton import MEMORY, WHOLE_GRAM
from clearhead.runs.roofline import Roofline

__all__ = ["STORED", "Job", "Plan", "formula_values", "plan", "steps_at", "working_share"]

STORED = {"fp16": 2, "bf16": 2, "fp32": 4, "fp64": 8}
# Poisson regression of the steps, and logistic regression of the share of features in the working set, over the λ's of
# eleven measured paths: intercept, log(λ_max/λ), log of the grid's spacing, log k, log(1/tol), log(n/p).
STEPS = (1.432, 0.205, 0.365, 0.137, 0.046, -0.442)
WORKING = (-2.187, 1.398, -0.554, 0.595, -0.358, -0.454)
SEEN = {"outputs": (2, 100), "tol": (1e-4, 1e-3), "rows_per_feature": (3.9, 78)}  # beyond: as at the nearest
SOFTMAX = 3.6  # passes over the logits a certificate: the intercept's Newton steps and the line search
SWEEPS = 35  # of an inner solve, on average, as far as its budget allows them
PASSES = 2.5  # of all rows from where they are stored, a λ: 1 to 4 were measured


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

    @property
    def spacing(self) -> float:
        """log of one λ over the next."""
        return -math.log(self.lambda_min_ratio) / max(self.lambdas - 1, 1)


@dataclass(frozen=True)
class Plan:
    """The answer. ``memory`` in bytes a rank; ``seconds`` by what takes them; ``traffic`` in bytes a rank."""

    job: Job
    device: str
    measured: bool
    form: str
    budget: int
    memory: dict[str, int]
    steps: float
    reads: float
    flops: float
    traffic: dict[str, float]
    seconds: dict[str, float]
    advice: list[str]
    assumptions: list[str]

    @property
    def fits(self) -> bool:
        """Whether it can be run as asked."""
        return self.form != "does not fit"

    @property
    def total(self) -> float:
        """Seconds of the path."""
        return sum(self.seconds.values())

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "fits": self.fits, "total_seconds": self.total, "seconds_a_lambda": self._each()}

    def _each(self) -> float:
        return (self.total - self.seconds.get("start", 0.0)) / self.job.lambdas

    def text(self) -> str:
        """A page for people."""
        job, origin = self.job, "measured" if self.measured else "data sheet, not measured"
        lines = [
            f"{job.n:,} rows × {job.p:,} features, {job.k:,} classes, {job.lambdas} λ's to {job.lambda_min_ratio:g} of "
            f"the largest, gap {job.tol:g}: {job.ranks} × {self.device} ({origin})",
            f"features: {self.form}",
            f"memory a rank: {show_bytes(sum(self.memory.values()))} of {show_bytes(self.budget)}  ("
            + ", ".join(f"{name} {show_bytes(size)}" for name, size in self.memory.items())
            + ")",
        ]
        if self.fits:
            lines += [
                f"steps: {self.steps:.0f} ({self.steps / job.lambdas:.1f} a λ), reads of the rows: {self.reads:.0f}, "
                f"{self.flops:.2g} float operations a rank",
                "traffic a rank: " + ", ".join(f"{name} {show_bytes(size)}" for name, size in self.traffic.items()),
                f"time: {_time(self.total)} for the path, {_time(self._each())} a λ  ("
                + ", ".join(f"{name} {_time(seconds)}" for name, seconds in self.seconds.items() if seconds > 0)
                + ")",
            ]
        lines += [f"do: {line}" for line in self.advice] + [f"assumed: {line}" for line in self.assumptions]
        return "\n".join(lines)


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


def plan(job: Job, roofline: Roofline) -> Plan:
    """Memory, reads and time of the job with one such device (or machine) a rank."""
    device = torch.device("cuda" if roofline.gpu else "cpu")
    budget = job.memory if job.memory is not None else int(SHARE * roofline.memory)
    memory = _memory(job, device)
    features = job.rows * job.p * job.dtype.itemsize
    arrays = sum(memory.values())
    form = "dense" if arrays + features <= budget else "streamed" if arrays < budget else "does not fit"
    kept = job.p if form == "dense" else int((budget - arrays) / (job.rows * STORED[job.stored]))
    memory["features"] = features if form == "dense" else min(max(budget - arrays, 0), features)
    costs = _Costs(job, roofline, device, min(kept, job.p), form == "dense")
    seconds, reads, flops = costs.path() if form != "does not fit" else ({}, 0.0, 0.0)
    steps = sum(steps_at(job, i) for i in range(job.lambdas))
    traffic = {
        "memory": costs.products * job.rows * job.p * job.dtype.itemsize,
        "disk": reads * job.rows * job.p * STORED[job.stored] if form == "streamed" else 0.0,
        "between ranks": costs.sums * costs.travels,
    }
    return Plan(
        job, roofline.device, roofline.measured, form, budget, memory, steps, reads, flops, traffic, seconds,
        _advice(job, form, budget, arrays, kept), _assumptions(job, roofline),
    )  # fmt: skip


def _memory(job: Job, device: torch.device) -> dict[str, int]:
    gram = 2 * min(job.p, WHOLE_GRAM) ** 2 * job.dtype.itemsize
    width = model_width(job.outputs, device)
    weights = job.p * width * (2 * MEMORY * job.dtype.itemsize + 12 * 8)
    return {
        "rows × outputs": workspace(job.rows, job.outputs, job.dtype, device),
        "Gram matrix": gram,
        "weights and memory of steps": weights,
    }


class _Costs:
    """Seconds of the parts of a path on one rank."""

    def __init__(self, job: Job, roofline: Roofline, device: torch.device, kept: int, dense: bool) -> None:
        self.job, self.roofline, self.kept, self.dense = job, roofline, kept, dense
        self.width = padded_width(job.outputs, device)
        self.model = model_width(job.outputs, device)
        wide = 2 if job.dtype is torch.float64 else 1
        self.cells = job.rows * job.p * wide
        size = job.rows * job.p * job.dtype.itemsize
        self.times, self.against = (roofline.seconds(kind, self.width, size) for kind in ("times", "against"))
        self.softmax = job.rows * wide * roofline.seconds("softmax", job.outputs, job.rows * self.width * 4)
        self.travels = 2 * (job.ranks - 1) / job.ranks
        self.products = self.sums = 0.0

    def path(self) -> tuple[dict[str, float], float, float]:
        """(seconds by part, reads of all rows, float operations)."""
        job, roofline = self.job, self.roofline
        seconds = dict.fromkeys(("start", "products", "loss", "inner solves", "rows from disk", "ranks", "small"), 0.0)
        gram = min(job.p, WHOLE_GRAM) if self.dense else min(self.kept, WHOLE_GRAM)
        flops = 2.0 * job.rows * gram**2
        seconds["start"] = flops / roofline.gemm + 3 * self.cells / roofline.widen
        seconds["start"] += 0 if self.dense else 3 * self._disk()
        passes = 3.0
        for index in range(1, job.lambdas):
            steps, a = steps_at(job, index), max(1.0, working_share(job, index) * job.p)
            certificates = steps + (2 if index > 1 else 1)
            share = 1.0 if self.dense else min(2 * a / job.p, 1.0)
            cells = certificates * self.cells * share
            seconds["products"] += cells * (self.times + self.against)
            seconds["loss"] += certificates * SOFTMAX * self.softmax
            seconds["inner solves"] += steps * self._inner(a, index)
            seconds["small"] += certificates * roofline.overhead
            seconds["ranks"] += certificates * self._sum(8.0 * job.p * job.outputs)
            self.products += 2 * certificates * share
            flops += 4 * cells * self.width
            if not self.dense:
                # Without room for the working set, products with it read the rows from where they are stored too.
                again = PASSES + (2 * certificates if a > self.kept else 0)
                seconds["rows from disk"] += again * self._pass()
                passes += again
        seconds["ranks"] += self._sum(8.0 * gram**2)
        return seconds, self.products if self.dense else passes, flops

    def _inner(self, a: float, index: int) -> float:
        """The correction of the model by secant pairs, and the sweeps."""
        job, steps = self.job, max(steps_at(self.job, index), 1.0)
        allowed: float = max(job.rows * job.p / (2 * a**2), 4000 / a, 10) * 1.2 ** (steps / 2)
        sweeps = min(allowed, SWEEPS)
        descent = self.roofline.seconds("descent", job.outputs, int(4 * a * a))
        return a * a * job.outputs * sweeps * descent + 4 * MEMORY * a * a * self.model / self.roofline.gemm

    def _sum(self, size: float) -> float:
        """Seconds of one all-reduce of ``size`` bytes."""
        self.sums += size if self.job.ranks > 1 else 0
        return self.travels * size / self.roofline.link

    def _disk(self) -> float:
        return self.job.rows * self.job.p * STORED[self.job.stored] / self.roofline.disk

    def _pass(self) -> float:
        """A thread reads and standardises while the block before is multiplied."""
        return max(self._disk(), self.cells / self.roofline.widen, self.cells * self.against)


def _advice(job: Job, form: str, budget: int, arrays: int, kept: int) -> list[str]:
    if form == "dense":
        return []
    each = arrays - _shared(job)
    room = budget - _shared(job)
    if form == "does not fit":
        if room <= 0:
            return [f"the Gram matrix and weights alone take {show_bytes(_shared(job))}: fewer features or more memory"]
        ranks = math.ceil(each * job.ranks / room * 1.02)
        return [
            f"arrays of rows × outputs do not fit: {ranks} ranks of this size hold them, or fewer rows or classes",
            "a sample of the rows finds the sparse head of all of them to within its sampling error: try one first",
        ]
    ranks = math.ceil((each + job.rows * job.p * job.dtype.itemsize) * job.ranks / room * 1.02)
    lines = [f"with {ranks} ranks of this size the features stay in memory"]
    if kept < job.p:
        lines.append(
            f"{kept:,} of {job.p:,} features are kept in memory; denser heads than that read the disk at each step"
        )
    return lines


def _shared(job: Job) -> int:
    memory = _memory(job, torch.device("cpu"))
    return memory["Gram matrix"] + memory["weights and memory of steps"]


def _assumptions(job: Job, roofline: Roofline) -> list[str]:
    lines = [
        "steps and working sets as on eleven measured paths, whose own numbers of steps the formula meets within 25 %",
        f"one rank a device or machine: {roofline.note}",
    ]
    if job.n / job.p > SEEN["rows_per_feature"][1] or job.k > SEEN["outputs"][1]:
        lines.append("larger than any path measured: steps as at 78 rows a feature and 100 classes, not extrapolated")
    if job.ranks > 1:
        lines.append(f"ranks exchange {roofline.link / 1e9:.3g} GB/s")
    return lines


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
