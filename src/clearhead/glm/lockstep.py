"""Solves that run side by side on the same rows: one pass over Z answers what all of them ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from threading import Semaphore, Thread
from typing import Any, Literal

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.memory import available_memory
from clearhead.glm.design import Design
from clearhead.glm.kernels.threads import all_threads, threads_for_rows
from clearhead.glm.products import padded, padded_width

__all__ = ["Lockstep", "SharedDesign", "at_once"]

MOST = 64  # solves at once, however small
SHARE = 0.4  # of the memory available
ARRAYS = 12  # arrays of (n, width) that a solve keeps or has on its way


def at_once(design: Design, outputs: int) -> int:
    """How many solves of ``outputs`` columns may run side by side in the memory there is; the same on every rank."""
    n, p = design.shape
    numbers = ARRAYS * n * padded_width(outputs, design.device) + min(p, 4096) ** 2 + 64 * p * outputs
    free = torch.cuda.mem_get_info(design.device)[0] if design.device.type == "cuda" else available_memory()
    return max(1, int(distributed.smallest(min(MOST, SHARE * free / (numbers * design.dtype.itemsize)))))


class Lockstep:
    """Runs solves on one design so that their products with Z are taken together.

    Each solve has a thread, of which one at a time is awake, always in the same order: a solve that asks for a product
    sleeps until all the others have asked too, or have ended; then one wide product answers them. Solves know nothing
    of it: each sees a `SharedDesign` with row weights of its own.
    """

    def __init__(self, design: Design) -> None:
        self.base = design.reweighted(torch.ones_like(design.weight))
        self._awake: _Worker | None = None

    @property
    def reads(self) -> float:
        """Passes over the rows so far, for all solves together."""
        return self.base.reads

    def design(self, weight: Tensor) -> SharedDesign:
        """The rows under weights (n,) of mean 1, for one solve."""
        return SharedDesign(self, weight)

    def run(self, jobs: Sequence[Callable[[], Any]], outputs: int) -> list[Any]:
        """The results of all jobs, in order; ``outputs`` is how many columns each one solves for. The first error ends
        the others and is raised."""
        with threads_for_rows(self.base.device.type == "cpu" and padded_width(outputs, self.base.device) in (8, 16)):
            workers = [_Worker(job) for job in jobs]
            live = workers
            try:
                while live:
                    for worker in live:
                        self._wake(worker)
                    live = [worker for worker in live if worker.asked is not None]
                    self._serve([worker.asked for worker in live if worker.asked is not None])
            finally:
                for worker in workers:
                    worker.end()
        return [worker.result for worker in workers]

    def ask(self, request: Request) -> Tensor:
        """The answer to a request, alone if no job is running."""
        if self._awake is None:
            self._serve([request])
        else:
            self._awake.wait_for(request)
        assert request.answer is not None
        return request.answer

    def _wake(self, worker: _Worker) -> None:
        if worker.asked is not None and worker.asked.answer is None:
            return
        self._awake = worker
        try:
            worker.resume()
        finally:
            self._awake = None

    def _serve(self, requests: list[Request]) -> None:
        """Answer the products with Z, or, once nobody asks for one, those with Zᵀ: so solves stay in step."""
        first = [r for r in requests if r.kind == "times"]
        asked = first or requests
        if not asked:
            return
        before = self.base.reads
        with all_threads():
            (self._times if first else self._against)(asked)
        for request in asked:
            request.owner.reads += (self.base.reads - before) / len(asked)

    def _times(self, asked: list[Request]) -> None:
        wide = self.base.times(torch.cat([r.columns for r in asked], 1))
        start = 0
        for request in asked:
            k = request.columns.shape[1]
            part = wide[:, start : start + k]
            request.answer = padded(part, padded_width(k, self.base.device)).contiguous()
            start += k

    def _against(self, asked: list[Request]) -> None:
        T = torch.cat([r.columns for r in asked], 1)
        outputs = T.shape[1]
        sums = self.base.against(padded(T, padded_width(outputs, self.base.device)).contiguous(), outputs)
        start = 0
        for request in asked:
            k = request.columns.shape[1]
            request.answer = sums[:, start : start + k].contiguous()
            start += k


@dataclass(eq=False)
class Request:
    """A product that one solve waits for: "times" with (p, k) columns, or "against" with weighted (n, k) columns."""

    kind: Literal["times", "against"]
    columns: Tensor
    owner: SharedDesign
    answer: Tensor | None = None


class SharedDesign(Design):
    """A design whose products are taken together with those of other solves. ``reads`` is this one's share of them."""

    def __init__(self, lockstep: Lockstep, weight: Tensor) -> None:
        base = lockstep.base
        super().__init__(weight.to(base.device, base.dtype), base.total)
        self.lockstep, self.base = lockstep, base

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.base.dtype

    @property
    def device(self) -> torch.device:
        return self.base.device

    def times(self, W: Tensor) -> Tensor:
        W = W.to(self.device, self.dtype)
        if not bool((W != 0).any()):
            width = padded_width(W.shape[1], self.device)
            return torch.zeros(self.shape[0], width, dtype=self.dtype, device=self.device)
        return self.lockstep.ask(Request("times", W, self))

    def against(self, T: Tensor, outputs: int) -> Tensor:
        return self.lockstep.ask(Request("against", self._weighted(T)[:, :outputs], self))

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        self.reads += 1
        return self.base.reweighted(self.weight).gram(left, right)

    def rows(self, index: Tensor) -> Tensor:
        return self.base.rows(index)

    def row_norms(self) -> Tensor:
        return self.base.row_norms()

    def mean_squares(self) -> Tensor:
        return self.base.reweighted(self.weight).mean_squares()

    def reweighted(self, weight: Tensor) -> SharedDesign:
        return SharedDesign(self.lockstep, weight)

    def narrowed(self, features: Tensor) -> Design:
        return self.base.reweighted(self.weight).narrowed(features)


class _Ended(BaseException):
    """Unwinds a job that nobody waits for any more."""


class _Worker:
    """One job in a thread that is awake only between `resume` and its next request."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self.asked: Request | None = None
        self.result: Any = None
        self._error: BaseException | None = None
        self._job, self._over = job, False
        self._go, self._rest = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=copy_context().run, args=(self._work,), daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Let the job go on to its next request or its end; raise what it raised."""
        self.asked = None
        self._go.release()
        self._rest.acquire()
        if self._error is not None:
            raise self._error

    def wait_for(self, request: Request) -> None:
        """From within the job: sleep until the request is answered."""
        self.asked = request
        self._rest.release()
        self._go.acquire()
        if self._over:
            raise _Ended

    def end(self) -> None:
        """Unwind the job if it has not ended."""
        self._over = True
        self._go.release()
        self._thread.join()

    def _work(self) -> None:
        self._go.acquire()
        try:
            if not self._over:
                self.result = self._job()
        except _Ended:
            pass
        except BaseException as error:  # raised again where the results are waited for
            self._error = error
        finally:
            self._rest.release()
