"""Where the rows of a design are kept: each form is one file, and `build_design` takes the one that fits."""

from __future__ import annotations

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import Rows
from clearhead.core.scaling import Standardizer
from clearhead.core.sparse import SparseRows
from clearhead.glm.block import deviations
from clearhead.glm.design import Design
from clearhead.glm.designs.dense import DenseDesign
from clearhead.glm.designs.sparse import SparseDesign
from clearhead.glm.designs.stored import StoredDesign, stored_size
from clearhead.glm.designs.streamed import StreamedDesign
from clearhead.glm.products import compute_dtype
from clearhead.glm.split import tensor_cores

__all__ = ["DenseDesign", "SparseDesign", "StoredDesign", "StreamedDesign", "build_design"]

FARTHEST = 100.0  # deviations from zero to a mean whose share can be taken off products without losing their digits


def build_design(
    rows: Rows,
    scaler: Standardizer,
    weight: Tensor,
    total: float,
    device: torch.device,
    left: int,
    outputs: int,
) -> Design:
    """The dense form if it fits in ``left`` bytes on every rank, else the streamed form. Sparse rows keep theirs, and
    rows stay what they are where ``outputs`` are many or there are tensor cores for half precision."""
    if isinstance(rows, SparseRows):
        return SparseDesign.build(rows, scaler, weight, total, device)
    n, p = rows.shape
    near = tensor_cores(device) and deviations(scaler.mean, scaler.inverse_scale) <= FARTHEST
    size = stored_size(rows) if near else None
    if size is not None and distributed.smallest(left - n * p * size) >= 0:
        return StoredDesign.build(rows, scaler, weight, total, device)
    if distributed.all_agree(StoredDesign.serves(rows, scaler, outputs, device)):
        return StoredDesign.build(rows, scaler, weight, total, device)
    if distributed.smallest(left - n * p * compute_dtype(rows.dtype).itemsize) >= 0:
        return DenseDesign.build(rows, scaler, weight, total, device)
    return StreamedDesign(rows, scaler, weight, total, device, max(left, 0))
