"""How much of the sample is held at once: blocks that together fill no more than one shard."""

from __future__ import annotations

from collections.abc import Iterator

from clearhead.report.shards import LIMIT

__all__ = ["blocks"]

# A block is read, widened, multiplied and compared: several of its size live at once.
_ROOM = LIMIT // 4


def blocks(count: int, item_bytes: int, room: int = _ROOM) -> Iterator[slice]:
    """Slices that cover 0…count−1 in order; the items of one, of ``item_bytes`` bytes each, fill at most ``room``.

    >>> list(blocks(5, 100_000))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(room // max(item_bytes, 1), 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
