"""Mean and deviation of features: the only place where they are computed and applied."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import Rows, read_ahead, touched
from clearhead.core.sparse import SparseRows

__all__ = ["Standardizer"]

_CACHED = 1 << 19  # numbers of a block that are copied at once: few calls, and little memory to ask for


@dataclass(frozen=True)
class Standardizer:
    """z = (f − mean) / scale, with the 1/n deviation of the rows it was fitted on.

    A constant feature has scale 0; it maps to z = 0 and its weight is 0, never NaN.

    Parameters
    ----------
    mean, scale : float64 tensors of shape (p,).

    Examples
    --------
    >>> import torch
    >>> from clearhead.core.rows import TensorRows
    >>> s = Standardizer.fit(TensorRows(torch.tensor([[0.0, 1.0], [2.0, 1.0]])))
    >>> s.transform(torch.tensor([[2.0, 1.0]]))
    tensor([[1., 0.]])
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, rows: Rows, weight: Tensor | None = None) -> Standardizer:
        """Exact mean and 1/n deviation in float64, in one pass (Chan's pairwise update), summed over ranks.

        ``weight`` of shape (n,) gives weighted moments: integer weights equal repeated rows.
        """
        total, mean, m2 = _reduce(*(rows.moments(weight) if isinstance(rows, SparseRows) else _pass(rows, weight)))
        rounding = 1e-7 if rows.dtype.itemsize == 2 else 1e-12
        deviation = (m2 / total).sqrt()
        # Below this the deviation is rounding of a constant, not spread.
        constant = deviation <= rounding * mean.abs().clamp(min=1e-300)
        return cls(mean, deviation.masked_fill(constant, 0.0))

    @classmethod
    def identity(cls, p: int) -> Standardizer:
        """The standardiser that changes nothing."""
        return cls(torch.zeros(p).double(), torch.ones(p).double())

    @property
    def inverse_scale(self) -> Tensor:
        """1/scale, and 0 for constant features."""
        return torch.where(self.scale > 0, 1.0 / self.scale, torch.zeros_like(self.scale))

    def transform(self, features: Tensor) -> Tensor:
        """Raw features (…, p) to standardised ones, in their own dtype (half precision in float32) and device."""
        dtype = torch.promote_types(features.dtype, torch.float32)
        mean, inverse = (t.to(features.device, dtype) for t in (self.mean, self.inverse_scale))
        return (features.to(dtype) - mean) * inverse

    def to_raw(self, coef: Tensor, intercept: Tensor) -> tuple[Tensor, Tensor]:
        """(p, k) weights and (k,) intercept on z → the equivalent on raw features."""
        raw = coef * self.inverse_scale.to(coef)[:, None]
        return raw, intercept - self.mean.to(coef) @ raw

    def from_raw(self, coef: Tensor, intercept: Tensor) -> tuple[Tensor, Tensor]:
        """(p, k) weights and (k,) intercept on raw features → the equivalent on z (exact where scale > 0)."""
        return coef * self.scale.to(coef)[:, None], intercept + self.mean.to(coef) @ coef


def _pass(rows: Rows, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the parts are small, and another thread reads
    try:
        return _sums(rows, weight)
    finally:
        torch.set_num_threads(threads)


def _sums(rows: Rows, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    p = rows.shape[1]
    total, mean, m2 = torch.zeros(()).double(), torch.zeros(p).double(), torch.zeros(p).double()
    # Half-precision numbers have so few digits that float32 sums of a small block lose nothing that matters.
    dtype = torch.float32 if rows.dtype.itemsize == 2 else torch.float64
    for span, block in read_ahead(touched(rows)):
        device = block.device if block.device.type == "cuda" else torch.device("cpu")  # others have no float64
        w = torch.ones(len(block)).double() if weight is None else weight[span].double()
        at_once = max(64, _CACHED // p) if device.type == "cpu" else len(block)
        parts = zip(torch.split(block.detach(), at_once), torch.split(w.to(device), at_once), strict=True)
        for part, weights in parts:
            found = _moments(part.to(device, dtype, copy=True), weights)
            total, mean, m2 = _merge(total, mean, m2, *(values.cpu() for values in found))
    return total, mean, m2


def _moments(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weight, mean and weighted squared deviations of ``x`` (m, p), which is overwritten."""
    total, weight, first = w.sum(), w.to(x), x[:1].clone()
    x.sub_(first)  # exactly zero for a constant feature, whatever its size
    mean = (weight @ x).double() / total.clamp(min=1e-300)
    spread = (weight @ x.sub_(mean.to(x)).square_()).double()
    return total, mean + first.sum(0).double(), spread


def _merge(
    n1: Tensor, mean1: Tensor, m1: Tensor, n2: Tensor, mean2: Tensor, m2: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    n = n1 + n2
    share = n2 / n.clamp(min=1e-300)
    gap = mean2 - mean1
    return n, mean1 + gap * share, m1 + m2 + gap.square() * n1 * share


def _reduce(total: Tensor, mean: Tensor, m2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if distributed.world_size() == 1:
        return total, mean, m2
    grand = distributed.all_reduce(total.clone())
    center = distributed.all_reduce(mean * total) / grand
    return grand, center, distributed.all_reduce(m2 + total * (mean - center).square())
