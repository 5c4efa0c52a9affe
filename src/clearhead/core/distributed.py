"""Several processes under torchrun: rank, sums over ranks, one rank's word for all. Alone, each is a no-op.

Ranks hold different rows and everything else alike. What steers the solver (a step, a limit, a choice) must be the same
number on every rank, or they wait for each other for ever: it comes from `all_reduce`, `agreed` or `smallest`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from clearhead.core.errors import LostRankError

__all__ = [
    "agreed",
    "all_agree",
    "all_reduce",
    "group",
    "local_device",
    "rank",
    "shard",
    "share",
    "smallest",
    "world_size",
]

PATIENCE = timedelta(days=2)  # rank 0 may extract for hours; a dead rank is noticed by its closed connection
T = TypeVar("T")


def _active() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, 0 when alone."""
    return dist.get_rank() if _active() else 0


def world_size() -> int:
    """How many processes solve together, 1 when alone."""
    return dist.get_world_size() if _active() else 1


@contextlib.contextmanager
def group() -> Iterator[None]:
    """Join the processes that torchrun started (``WORLD_SIZE`` > 1): gloo between CPUs, NCCL between GPUs.

    Some of torch's modules, imported while a group exists, hold it for ever as a default argument: its thread then
    outlives the interpreter and may abort the process at its end. So they are imported before.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or _active():
        yield
        return
    import torch._dynamo

    if torch.cuda.is_available():
        torch.cuda.set_device(local_device("cuda"))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _lost():
        dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def local_device(device: str) -> str:
    """This rank's own GPU where ``cuda`` was asked for without a number."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def shard(n: int) -> slice:
    """This rank's consecutive share of n rows; shares differ by one row at most."""
    first, size = rank(), world_size()
    return slice(n * first // size, n * (first + 1) // size)


def all_reduce(values: Tensor) -> Tensor:
    """Sum over ranks, in place, returned."""
    if world_size() > 1:
        with _lost():
            dist.all_reduce(values)
    return values


def agreed(values: Tensor) -> Tensor:
    """Rank 0's values on every rank: for what each computes alike, but perhaps not to the last bit."""
    if world_size() > 1:
        values = values.contiguous()
        with _lost():
            dist.broadcast(values, 0)
    return values


def smallest(value: float) -> float:
    """The smallest of the ranks' numbers."""
    if world_size() == 1:
        return value
    number = torch.tensor(float(value), dtype=torch.float64)
    with _lost():
        dist.all_reduce(number, dist.ReduceOp.MIN)
    return float(number)


def all_agree(yes: bool) -> bool:
    """Whether it holds on every rank."""
    return smallest(float(yes)) == 1.0


def share(value: T | None) -> T:
    """Rank 0's value on every rank, of any kind; the others pass None. Also a point where all wait for rank 0."""
    box: list[Any] = [value]
    if world_size() > 1:
        with _lost():
            dist.broadcast_object_list(box, 0)
    result: T = box[0]
    return result


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    """A broken connection means that another process has ended."""
    try:
        yield
    except RuntimeError as error:
        raise LostRankError(
            f"rank {os.environ.get('RANK', '?')} lost its connection: another process of this job has ended",
            got=str(error).splitlines()[0][:200],
            fix="look above for that process's own message; the same command, with any number of processes, goes on "
            "from the last finished λ",
        ) from error
