"""Rank, world size and sums over ranks under torchrun; with one process each is a no-op."""

from __future__ import annotations

import torch.distributed as dist
from torch import Tensor

__all__ = ["all_reduce", "rank", "world_size"]


def _active() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, 0 when alone."""
    return dist.get_rank() if _active() else 0


def world_size() -> int:
    """How many processes solve together, 1 when alone."""
    return dist.get_world_size() if _active() else 1


def all_reduce(values: Tensor) -> Tensor:
    """Sum over ranks, in place, returned."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values
