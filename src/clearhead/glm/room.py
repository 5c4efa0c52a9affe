"""What a solve takes of memory beside its features, and how much it may take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch

from clearhead.core import distributed
from clearhead.core.memory import available_memory, give_back
from clearhead.core.rows import Rows
from clearhead.core.sparse import SparseRows
from clearhead.glm.products import compute_dtype, padded_width

__all__ = [
    "BLOCK_BYTES",
    "MEMORY",
    "SHARE",
    "WHOLE_GRAM",
    "Kept",
    "Room",
    "arrays_memory",
    "give_back_large",
    "gram_memory",
    "step_memory",
]

SHARE = 0.6  # of the memory available, when none was stated
ARRAYS = 7  # arrays of (n, width) that live at once during a solve: logits, residuals, soft targets
LOGITS = 3  # of them where residuals are made anew: logits, and products on their way
KEPT = 128  # features that are to be kept in memory where not all of them are
BLOCK_BYTES = 32 << 20  # of one array of rows × outputs that is made anew
BLOCK_ROWS = 1 << 17  # and the most rows it has
BLOCK_ARRAYS = 8  # of them that live at once, some in float64
MEMORY = 8  # secant pairs
WHOLE_GRAM = 4096  # features up to which the Gram matrix is computed at once
LARGE = 4 << 20  # bytes of an array that leaves a hole worth giving back
WEIGHTS = 12  # arrays of (p, k) in float64: gradients, and the dual points that are kept


class Kept(Enum):
    """Which arrays of rows × outputs live during a solve."""

    ALL = "all"  # `row_arrays.Whole`
    LOGITS = "logits"  # `remade`
    NONE = "none"  # `blockwise`


@dataclass(frozen=True)
class Room:
    """Bytes that a solve may take on this rank: n rows of p features, in the arithmetic's type on ``device``."""

    allowed: int
    n: int
    p: int
    dtype: torch.dtype
    device: torch.device
    sparse: bool
    stored: int  # bytes of a feature of one row where the rows are

    @classmethod
    def of(cls, rows: Rows, device: torch.device, memory: int | None) -> Room:
        """``memory`` bytes, or a share of what is free when None."""
        allowed = memory if memory is not None else int(SHARE * _free(device))
        return cls(
            allowed, *rows.shape, compute_dtype(rows.dtype), device, isinstance(rows, SparseRows), rows.dtype.itemsize
        )

    def choice(self, outputs: int, remakes: bool) -> Kept:
        """What every rank can keep: logits alone where that is all it takes (``remakes``) and all features fit beside
        them; all arrays if `KEPT` features do, without which each pass reads all rows from where they are. Arrays of
        sparse rows are held whatever is allowed: written out with their zeros block by block, rows would cost more."""
        features = self.n * self.p * self.dtype.itemsize
        if remakes and not self.sparse and distributed.smallest(self.left(outputs, Kept.LOGITS) - features) >= 0:
            return Kept.LOGITS
        some = self.n * min(self.p, KEPT) * self.stored
        held = self.sparse or distributed.smallest(self.left(outputs, Kept.ALL) - some) >= 0
        return Kept.ALL if held else Kept.NONE

    def left(self, outputs: int, kept: Kept) -> int:
        """Bytes for features beside arrays of rows × outputs; may be negative."""
        arrays = arrays_memory(kept, self.n, outputs, self.dtype, self.device)
        shared = gram_memory(self.p, self.dtype) + step_memory(self.p, outputs, self.dtype, self.device)
        return self.allowed - shared - arrays


def arrays_memory(kept: Kept, n: int, outputs: int, dtype: torch.dtype, device: torch.device) -> int:
    """Bytes of arrays with a row for each row of the data and a column for each output, and of the blocks in which
    those that are not kept are made anew, with the labels and weights of the rows."""
    width = padded_width(outputs, device) * dtype.itemsize
    whole = n * (ARRAYS * width + 8 * (outputs + 2))
    if kept is Kept.ALL:
        return whole
    blocks = BLOCK_ARRAYS * min(BLOCK_BYTES, BLOCK_ROWS * width) + 24 * n
    return min(whole, blocks + (LOGITS * n * width if kept is Kept.LOGITS else 0))


def gram_memory(p: int, dtype: torch.dtype) -> int:
    """Bytes of the Gram matrix and of its part for the working set."""
    return 2 * min(p, WHOLE_GRAM) ** 2 * dtype.itemsize


def step_memory(p: int, outputs: int, dtype: torch.dtype, device: torch.device) -> int:
    """Bytes of arrays of features × outputs: secant pairs, gradients, dual points."""
    return p * padded_width(outputs, device) * (2 * MEMORY * dtype.itemsize + 8 * WEIGHTS)


def give_back_large(p: int, outputs: int) -> None:
    """Return to the system what freed arrays of (p, outputs) in float64 have left in the heap, if they are large."""
    if 8 * p * outputs >= LARGE:
        give_back()


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
