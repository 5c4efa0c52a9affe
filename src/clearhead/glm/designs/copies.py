"""Blocks brought onto the device ahead of their use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from clearhead.core.rows import read_ahead

__all__ = ["blocks_ahead"]

AHEAD = 2


def blocks_ahead(blocks: Iterator[tuple[slice, Tensor]], device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    """The same blocks on ``device``: a thread reads the next ones and, for a GPU, copies them from pinned memory on a
    stream of its own, while the ones before are multiplied."""
    if device.type == "cuda":
        return _copied(blocks, device)
    return read_ahead(blocks, AHEAD)


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
