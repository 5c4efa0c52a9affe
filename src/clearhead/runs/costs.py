"""Seconds, reads and operations of a path of known size on a device of known speed."""

from __future__ import annotations

import torch

from clearhead.glm.products import padded_width
from clearhead.glm.room import MEMORY, WHOLE_GRAM
from clearhead.glm.solvers.model import accelerated, model_width
from clearhead.runs.roofline import Roofline
from clearhead.runs.workload import STORED, Job, steps_at, working_share

__all__ = ["Costs"]

SOFTMAX = 2.6  # passes over the logits a certificate: the intercept's Newton steps and the line search
SWEEPS = 35  # of an inner solve for one output or on a GPU, on average, as far as its budget allows them
FEW = 7  # of one for several outputs: five, and what conjugate gradients cost on average in sweeps
OTHER = 0.3  # of products, loss and inner solves: what small tensors and waiting threads add, by the solver's profile
PASSES = 1.5  # of all rows from where they are stored, a λ: 1 to 2 were measured


class Costs:
    """Seconds of the parts of a path on one rank."""

    def __init__(
        self, job: Job, roofline: Roofline, device: torch.device, kept: int, dense: bool, blockwise: bool
    ) -> None:
        self.job, self.roofline, self.kept, self.dense = job, roofline, kept, dense
        # Logits that are not held are multiplied anew for each pass over them, and once more for the gradient.
        self.forward = SOFTMAX + 1 if blockwise else 1
        self.width = padded_width(job.outputs, device)
        self.model = model_width(job.outputs, device)
        self.short = job.outputs > 1 and not accelerated(device)
        wide = 2 if job.dtype is torch.float64 else 1
        self.cells = job.rows * job.p * wide
        size = job.rows * job.p * job.dtype.itemsize
        halves = " halves" if job.keeps_halves(roofline.halves) else ""
        self.times, self.against = (roofline.seconds(kind + halves, self.width, size) for kind in ("times", "against"))
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
            certificates = steps + 1  # the first one is of weights extrapolated to this λ
            share = 1.0 if self.dense else min(2 * a / job.p, 1.0)
            cells = certificates * self.cells * share
            seconds["products"] += cells * (self.forward * self.times + self.against)
            seconds["loss"] += certificates * SOFTMAX * self.softmax
            seconds["inner solves"] += steps * self._inner(a, index)
            seconds["small"] += certificates * roofline.overhead
            seconds["ranks"] += certificates * self._sum(8.0 * job.p * job.outputs)
            self.products += (1 + self.forward) * certificates * share
            flops += 2 * (1 + self.forward) * cells * self.width
            if not self.dense:
                # Without room for the working set, products with it read the rows from where they are stored too.
                again = PASSES + (2 * certificates if a > self.kept else 0)
                seconds["rows from disk"] += again * self._pass()
                passes += again
        seconds["small"] += OTHER * sum(seconds[part] for part in ("products", "loss", "inner solves"))
        seconds["ranks"] += self._sum(8.0 * gram**2)
        return seconds, self.products if self.dense else passes, flops

    def _inner(self, a: float, index: int) -> float:
        """The correction of the model by secant pairs, and the sweeps."""
        job, steps = self.job, max(steps_at(self.job, index), 1.0)
        allowed: float = max(job.rows * job.p / (2 * a**2), 4000 / a, 10) * 1.2 ** min(steps / 2, 10)
        sweeps = FEW if self.short else min(allowed, SWEEPS)
        descent = self.roofline.seconds("descent", job.outputs, int(4 * a * a))
        return a * a * job.outputs * sweeps * descent + 4 * MEMORY * a * a * self.model / self.roofline.gemm

    def _sum(self, size: float) -> float:
        """Seconds of one all-reduce of ``size`` bytes."""
        self.sums += size if self.job.ranks > 1 else 0
        return self.travels * size / self.roofline.link

    def _disk(self) -> float:
        return self.job.rows * self.job.p * STORED[self.job.stored] / self.roofline.disk

    def _pass(self) -> float:
        """A thread reads while the block before is standardised and multiplied."""
        return max(self._disk(), self.cells / self.roofline.widen, self.cells * self.against)
