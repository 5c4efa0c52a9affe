"""Where the rows of a design are kept: each form is one file, and `build_design` takes the one that fits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.memory import available_memory
from clearhead.core.rows import Rows
from clearhead.core.scaling import Standardizer
from clearhead.core.sparse import SparseRows
from clearhead.glm.design import Design, compute_dtype, padded_width
from clearhead.glm.designs.dense import DenseDesign
from clearhead.glm.designs.sparse import SparseDesign
from clearhead.glm.designs.streamed import StreamedDesign

__all__ = ["DenseDesign", "SparseDesign", "StreamedDesign", "build_design", "workspace"]

SHARE = 0.6  # of the memory available, when none was stated
ARRAYS = 10  # arrays of (n, width) that live at once during a solve: logits, residuals, a direction, their targets


def build_design(
    rows: Rows, scaler: Standardizer, weight: Tensor, total: float, device: Any, *, outputs: int, memory: int | None
) -> Design:
    """The dense form if it and the solver's arrays fit in ``memory`` bytes (a share of what is free when None) on
    every rank, else the streamed form. Sparse rows keep theirs."""
    if isinstance(rows, SparseRows):
        return SparseDesign.build(rows, scaler, weight, total, device)
    n, p = rows.shape
    device = torch.device(device)
    allowed = memory if memory is not None else int(SHARE * _free(device))
    dtype = compute_dtype(rows.dtype)
    left = allowed - workspace(n, outputs, dtype, device)
    if distributed.smallest(left - n * p * dtype.itemsize) >= 0:
        return DenseDesign.build(rows, scaler, weight, total, device)
    return StreamedDesign(rows, scaler, weight, total, device, max(left, 0))


def workspace(n: int, outputs: int, dtype: torch.dtype, device: torch.device) -> int:
    """Bytes of a solve beside the design: arrays with a row for each row of the data."""
    return n * (ARRAYS * padded_width(outputs, device) * dtype.itemsize + 8 * (outputs + 2))


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
