"""The standardised design Z: its products with weights and residuals, and its Gram matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from clearhead.core import distributed
from clearhead.core.rows import Rows
from clearhead.core.scaling import Standardizer
from clearhead.glm.kernels.threads import all_threads

__all__ = ["Design", "compute_dtype", "padded_width"]

VECTOR_OUTPUTS = 16


def compute_dtype(stored: torch.dtype) -> torch.dtype:
    """float64 data is solved in float64; everything else in float32."""
    return torch.float64 if stored is torch.float64 else torch.float32


def padded_width(outputs: int, device: torch.device) -> int:
    """Columns that arrays of ``outputs`` columns are stored with: whole vector registers where the kernels apply."""
    if device.type != "cpu" or outputs == 1 or outputs > VECTOR_OUTPUTS:
        return outputs
    return 8 if outputs <= 8 else 16


class Design:
    """Z (n, p), standardised, in one dense tensor.

    ``times(W)`` is Z·W; ``against(T)`` is Zᵀ·diag(w)·T / n with the row weights w (mean 1), summed over ranks. Arrays
    with a row for each row of Z have ``padded_width`` columns, of which the last ones are zero.
    """

    def __init__(self, Z: Tensor, weight: Tensor, total: float) -> None:
        self.Z, self.total = Z, total
        self.weight = weight.to(Z.device, Z.dtype)
        self.uniform = bool((weight == 1).all())
        self.reads = 0.0

    @classmethod
    def build(cls, rows: Rows, scaler: Standardizer, weight: Tensor, total: float, device: Any) -> Design:
        """Standardise block by block into compute precision on ``device``."""
        n, p = rows.shape
        Z = torch.empty(n, p, dtype=compute_dtype(rows.dtype), device=device)
        for span, block in rows.blocks():
            Z[span] = scaler.transform(block.to(device))
        return cls(Z, weight, total)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.Z.shape[0]), int(self.Z.shape[1])

    def times(self, W: Tensor) -> Tensor:
        """(n, width) = Z·W, padded with zeros."""
        self.reads += 1
        width = padded_width(W.shape[1], self.Z.device)
        W = W.to(self.Z)
        if width == 1:
            return (self.Z @ W[:, 0])[:, None]
        if width > VECTOR_OUTPUTS or self.Z.device.type != "cpu":
            # The transposed contiguous operand lets the BLAS run two to three times faster at small k.
            return linear(self.Z, W.T.contiguous())
        from clearhead.glm.kernels.products import times

        out = torch.empty(len(self.Z), width, dtype=self.Z.dtype)
        times(self.Z, pad(W, (0, width - W.shape[1])).contiguous(), out)
        return out

    def against(self, T: Tensor, outputs: int) -> Tensor:
        """(p, outputs) float64 = Σᵢ wᵢ zᵢ tᵢᵀ / n for padded T."""
        self.reads += 1
        T = T if self.uniform else T * self.weight[:, None]
        if T.shape[1] == 1:
            product = (T[:, 0] @ self.Z)[:, None].double()
        elif T.shape[1] > VECTOR_OUTPUTS or self.Z.device.type != "cpu":
            product = (T.T @ self.Z).T.double()
        else:
            from clearhead.glm.kernels.products import against

            product = against(self.Z, T.contiguous())
        return distributed.all_reduce(product[:, :outputs].contiguous()) / self.total

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        """Σᵢ wᵢ z_il z_irᵀ / n for two lists of features."""
        self.reads += 1
        A = self._columns(left)
        B = A if right is left else self._columns(right)
        A = A if self.uniform else A * self.weight[:, None]
        with all_threads():
            product = A.T @ B
        return distributed.all_reduce(product) / self.total

    def _columns(self, features: Tensor) -> Tensor:
        whole = len(features) == self.Z.shape[1] and bool((features[1:] > features[:-1]).all())
        return self.Z if whole else self.Z[:, features]
