"""What a fit of a given size would take: memory, reads, traffic and time, before there is any data.

Steps a λ and the size of the working set follow formulas fitted to measured paths (`runs.workload`); what a step costs
follows a roofline (`runs.costs`), measured here or of a named device.

>>> from clearhead.runs.roofline import data_sheet
>>> plan(Job(n=1_280_000, p=2048, k=1000), data_sheet("H200")).form
'as stored'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from clearhead.core.memory import show_bytes
from clearhead.glm.losses import Multinomial
from clearhead.glm.remade import Remade
from clearhead.glm.room import SHARE, Kept, arrays_memory, gram_memory, step_memory
from clearhead.runs.costs import Costs
from clearhead.runs.roofline import Roofline
from clearhead.runs.workload import SEEN, STORED, Job, steps_at

__all__ = ["Plan", "plan"]

_KEPT = {Kept.ALL: "held", Kept.LOGITS: "logits held, residuals made anew", Kept.NONE: "made anew by blocks"}


@dataclass(frozen=True)
class Plan:
    """The answer. ``form`` of the features ("dense", "as stored", "streamed", "does not fit"); what is ``kept`` of
    arrays of rows × outputs; ``memory`` and ``traffic`` in bytes a rank; ``seconds`` by what takes
    them."""

    job: Job
    device: str
    measured: bool
    form: str
    kept: Kept
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
    def blockwise(self) -> bool:
        """Whether arrays of rows × outputs are made anew."""
        return self.kept is Kept.NONE

    @property
    def total(self) -> float:
        """Seconds of the path."""
        return sum(self.seconds.values())

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = {"kept": self.kept.value, "blockwise": self.blockwise, "fits": self.fits}
        return {**asdict(self), **found, "total_seconds": self.total, "seconds_a_lambda": self._each()}

    def _each(self) -> float:
        return (self.total - self.seconds.get("start", 0.0)) / self.job.lambdas

    def text(self) -> str:
        """A page for people."""
        job, origin = self.job, "measured" if self.measured else "data sheet, not measured"
        lines = [
            f"{job.n:,} rows × {job.p:,} features, {job.k:,} classes, {job.lambdas} λ's to {job.lambda_min_ratio:g} of "
            f"the largest, gap {job.tol:g}: {job.ranks} × {self.device} ({origin})",
            f"features: {self.form}; rows × outputs: {_KEPT[self.kept]}",
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


def plan(job: Job, roofline: Roofline) -> Plan:
    """Memory, reads and time of the job with one such device (or machine) a rank."""
    device = torch.device("cuda" if roofline.gpu else "cpu")
    budget = job.memory if job.memory is not None else int(SHARE * roofline.memory)
    halves = job.keeps_halves(roofline.halves)
    itemsize = STORED[job.stored] if halves else job.dtype.itemsize
    features = job.rows * job.p * itemsize
    what, memory = _kept(job, device, budget, itemsize)
    arrays, held = sum(memory.values()), _held(job, memory, budget, itemsize)
    form = ("as stored" if halves else "dense") if held else "streamed" if arrays < budget else "does not fit"
    kept = job.p if held else int((budget - arrays) / (job.rows * STORED[job.stored]))
    memory["features"] = features if held else min(max(budget - arrays, 0), features)
    costs = Costs(job, roofline, device, min(kept, job.p), held, what is Kept.NONE)
    seconds, reads, flops = costs.path() if form != "does not fit" else ({}, 0.0, 0.0)
    steps = sum(steps_at(job, i) for i in range(job.lambdas))
    traffic = {
        "memory": costs.products * features,
        "disk": reads * job.rows * job.p * STORED[job.stored] if form == "streamed" else 0.0,
        "between ranks": costs.sums * costs.travels,
    }
    return Plan(
        job, roofline.device, roofline.measured, form, what, budget, memory, steps, reads, flops, traffic, seconds,
        _advice(job, device, form, budget, what, memory, kept, itemsize), _assumptions(job, roofline),
    )  # fmt: skip


def _kept(job: Job, device: torch.device, budget: int, itemsize: int) -> tuple[Kept, dict[str, int]]:
    """What is kept of arrays of rows × outputs beside features of ``itemsize`` bytes each, and the memory of all but
    these."""
    if Remade.suits(Multinomial(), job.outputs, device):
        memory = _memory(job, device, Kept.LOGITS)
        if _held(job, memory, budget, itemsize):
            return Kept.LOGITS, memory
    memory = _memory(job, device, Kept.ALL)
    if sum(memory.values()) <= budget:
        return Kept.ALL, memory
    return Kept.NONE, _memory(job, device, Kept.NONE)


def _held(job: Job, beside: dict[str, int], budget: int, itemsize: int) -> bool:
    """Whether all features stay in memory beside the rest."""
    return sum(beside.values()) + job.rows * job.p * itemsize <= budget


def _memory(job: Job, device: torch.device, kept: Kept) -> dict[str, int]:
    return {
        "rows × outputs": arrays_memory(kept, job.rows, job.outputs, job.dtype, device),
        "Gram matrix": gram_memory(job.p, job.dtype),
        "weights and memory of steps": step_memory(job.p, job.outputs, job.dtype, device),
    }


def _advice(
    job: Job, device: torch.device, form: str, budget: int, what: Kept, memory: dict[str, int], kept: int, itemsize: int
) -> list[str]:
    if form == "does not fit":
        least = show_bytes(sum(memory.values()) - memory["features"])
        return [
            f"the Gram matrix, weights and one block of rows take {least}: fewer features or classes, or more memory"
        ]
    lines = []
    if what is Kept.NONE:
        ranks = _fewest(job, lambda other: _kept(other, device, budget, itemsize)[0] is not Kept.NONE)
        held = arrays_memory(Kept.ALL, job.rows, job.outputs, job.dtype, device)
        lines += [
            f"logits are made anew at each use, for they take {show_bytes(held)}: {ranks} ranks of this size hold them",
            "a sample of the rows finds the sparse head of all of them to within its sampling error: try one first",
        ]
    if form == "streamed":
        ranks = _fewest(job, lambda other: _held(other, _kept(other, device, budget, itemsize)[1], budget, itemsize))
        lines.append(f"with {ranks} ranks of this size the features stay in memory")
        if kept < job.p:
            lines.append(
                f"{kept:,} of {job.p:,} features are kept in memory; denser heads than that read the disk at each step"
            )
    return lines


def _fewest(job: Job, enough: Callable[[Job], bool]) -> int:
    """The fewest ranks with which it is ``enough``; a row each always is, where anything fits."""
    low, high = job.ranks, 2 * job.ranks  # the first is too few
    while high < job.n and not enough(replace(job, ranks=high)):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(replace(job, ranks=middle)) else (middle, high)
    return high


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
