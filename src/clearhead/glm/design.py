"""The standardised design Z: its products with weights and residuals, and its Gram matrix. X is never copied twice."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from clearhead.core import distributed
from clearhead.core.rows import Rows
from clearhead.core.scaling import Standardizer

__all__ = ["Design", "compute_dtype"]


def compute_dtype(stored: torch.dtype) -> torch.dtype:
    """float64 data is solved in float64; everything else in float32."""
    return torch.float64 if stored is torch.float64 else torch.float32


class Design:
    """Z (n, p), standardised, in one dense tensor.

    ``times(W)`` is Z·W; ``against(T)`` is Zᵀ·diag(w)·T / n with the row weights w (mean 1), summed over ranks.
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
        """(n, k) = Z·W."""
        self.reads += 1
        # The transposed contiguous operand lets the BLAS run two to three times faster at small k.
        return linear(self.Z, W.T.contiguous())

    def against(self, T: Tensor) -> Tensor:
        """(p, k) = Σᵢ wᵢ zᵢ tᵢᵀ / n."""
        self.reads += 1
        T = T if self.uniform else T * self.weight[:, None]
        return distributed.all_reduce((T.T @ self.Z).T.contiguous()) / self.total

    def gram(self, left: Tensor, right: Tensor) -> Tensor:
        """Σᵢ wᵢ z_il z_irᵀ / n for two lists of features."""
        self.reads += 1
        A, B = self.Z[:, left], self.Z[:, right]
        A = A if self.uniform else A * self.weight[:, None]
        return distributed.all_reduce(A.T @ B) / self.total
