"""Blocks brought onto the device ahead of their use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from clearhead.core.rows import read_ahead

__all__ = ["blocks_ahead"]

AHEAD = 2
AT_HAND = 2e10  # bytes a second at which blocks come that are in memory


def blocks_ahead(blocks: Iterator[tuple[slice, Tensor]], device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    """The same blocks on ``device``: a thread reads the next ones, once one was slow to come, and, for a GPU, copies
    them from pinned memory on a stream of its own, while the ones before are multiplied."""
    return _copied(blocks, device) if device.type == "cuda" else _read(blocks)


def _read(blocks: Iterator[tuple[slice, Tensor]]) -> Iterator[tuple[slice, Tensor]]:
    """As they come while they are in memory already, and from the first one on that was slow to come by a thread."""
    while True:
        began = time.perf_counter()
        item = next(blocks, None)
        if item is None:
            return
        slow = (time.perf_counter() - began) * AT_HAND > item[1].nbytes
        yield item
        if slow:
            break
    yield from read_ahead(blocks, AHEAD)


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all passes: memory is kept for each stream that asked for it."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call, no-any-return]


def _copied(blocks: Iterator[tuple[slice, Tensor]], device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    copying, using = _stream(device), torch.cuda.current_stream(device)

    def sent() -> Iterator[tuple[slice, Tensor, torch.cuda.Event]]:
        for span, raw in blocks:
            if raw.device.type == "cuda":  # made here, on this thread's stream
                yield span, raw, torch.cuda.current_stream(device).record_event()
                continue
            with torch.cuda.stream(copying):
                copy = raw.contiguous().pin_memory().to(device, non_blocking=True)
            yield span, copy, copying.record_event()

    for span, copy, done in read_ahead(sent(), AHEAD):
        using.wait_event(done)
        copy.record_stream(using)  # its memory is not given away before what reads it has run
        yield span, copy
