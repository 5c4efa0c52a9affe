"""Products of rows with a few columns, and the padded form that such columns have."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

__all__ = ["BITS", "VECTOR_OUTPUTS", "compute_dtype", "padded", "padded_width", "product", "transposed_product"]

VECTOR_OUTPUTS = 16
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # for numbers of any type that are only moved


def compute_dtype(stored: torch.dtype) -> torch.dtype:
    """float64 data is solved in float64; everything else in float32."""
    return torch.float64 if stored is torch.float64 else torch.float32


def padded_width(outputs: int, device: torch.device) -> int:
    """Columns that arrays of ``outputs`` columns are stored with: whole vector registers where the kernels apply."""
    if device.type != "cpu" or outputs == 1 or outputs > VECTOR_OUTPUTS:
        return outputs
    return 8 if outputs <= 8 else 16


def padded(values: Tensor, width: int) -> Tensor:
    """(…, width): values with columns of zeros."""
    return pad(values, (0, width - values.shape[-1])) if values.shape[-1] < width else values


def product(Z: Tensor, W: Tensor) -> Tensor:
    """(n, width) = Z (n, p)·W (p, k), padded with zeros."""
    width = padded_width(W.shape[1], Z.device)
    if width == 1:
        return (Z @ W[:, 0])[:, None]
    if width > VECTOR_OUTPUTS or Z.device.type != "cpu":
        # The transposed contiguous operand lets the BLAS run two to three times faster at small k.
        return linear(Z, W.T.contiguous())
    from clearhead.glm.kernels.products import times

    out = torch.zeros(len(Z), width, dtype=Z.dtype)
    times(Z, W, out)
    return out


def transposed_product(Z: Tensor, T: Tensor, outputs: int) -> Tensor:
    """(p, outputs) float64 = Zᵀ·T for padded T (n, width) whose first ``outputs`` columns count."""
    if T.shape[1] == 1:
        return (T[:, 0] @ Z)[:, None].double()
    if T.shape[1] > VECTOR_OUTPUTS or Z.device.type != "cpu":
        sums = (T[:, :outputs].T @ Z).T
        return torch.empty(sums.shape, dtype=torch.float64, device=sums.device).copy_(sums)  # in order, in one go
    from clearhead.glm.kernels.products import against

    return against(Z, T.contiguous(), outputs)
