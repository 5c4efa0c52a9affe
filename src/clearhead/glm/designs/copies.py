"""Blocks brought onto the device ahead of their use."""

from __future__ import annotations

from collections.abc import Iterator

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


def _copied(blocks: Iterator[tuple[slice, Tensor]], device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    copying, using = torch.cuda.Stream(device), torch.cuda.current_stream(device)  # type: ignore[no-untyped-call]

    def sent() -> Iterator[tuple[slice, Tensor, torch.cuda.Event]]:
        for span, raw in blocks:
            with torch.cuda.stream(copying):
                copy = raw.pin_memory().to(device, non_blocking=True) if raw.device.type == "cpu" else raw
            yield span, copy, copying.record_event()

    for span, copy, done in read_ahead(sent(), AHEAD):
        using.wait_event(done)
        copy.record_stream(using)  # its memory is not given away before what reads it has run
        yield span, copy
