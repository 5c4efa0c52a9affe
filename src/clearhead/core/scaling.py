"""Mean and deviation of features: the only place where they are computed and applied."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.rows import Rows, read_ahead, touched
from clearhead.core.sparse import SparseRows

__all__ = ["Standardizer"]

_CACHED = 1 << 20  # bytes of a block's numbers that are looked at together: they stay in cache
_PARTS = 16  # of such a block that a thread takes one after the other

_Sums = tuple[Tensor, Tensor, Tensor]  # weight, mean (p,) and weighted squared deviations (p,)


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


def _pass(rows: Rows, weight: Tensor | None) -> _Sums:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the parts are small, and there is a thread for each run of them
    try:
        with ThreadPoolExecutor(threads) as pool:
            none = torch.zeros(rows.shape[1]).double()
            return reduce(_merge, _runs(rows, weight, pool), (torch.zeros(()).double(), none, none))
    finally:
        torch.set_num_threads(threads)


def _runs(rows: Rows, weight: Tensor | None, pool: ThreadPoolExecutor) -> Iterator[_Sums]:
    """The sums of runs of rows, which are the same however many threads there are."""
    # Half-precision numbers have so few digits that float32 sums of a small block lose nothing that matters.
    dtype = torch.float32 if rows.dtype.itemsize == 2 else torch.float64
    few = max(64, _CACHED // (rows.shape[1] * dtype.itemsize))
    working: deque[list[Future[_Sums]]] = deque()  # a block's runs: those of the next one begin before they end
    for span, block in read_ahead(touched(rows)):
        w = torch.ones(len(block)).double() if weight is None else weight[span].double()
        if block.device.type == "cuda":  # on the caller's stream
            yield _moments(block.detach(), w, dtype, len(block))
            continue
        runs = zip(*(torch.split(values, _PARTS * few) for values in (block.detach(), w)), strict=True)
        working.append([pool.submit(_moments, part, u, dtype, few) for part, u in runs if len(u)])
        if len(working) > 1:
            yield from (run.result() for run in working.popleft())
    for last in working:
        yield from (run.result() for run in last)


def _moments(block: Tensor, w: Tensor, dtype: torch.dtype, at_once: int) -> _Sums:
    """Weight, mean and weighted squared deviations of rows (m, p), of which ``at_once`` are looked at together."""
    device = block.device if block.device.type == "cuda" else torch.device("cpu")  # others have no float64
    room, total = torch.empty(min(at_once, len(block)), block.shape[1], dtype=dtype, device=device), w.sum()
    parts = list(zip(torch.split(block, at_once), torch.split(w.to(device, dtype), at_once), strict=True))
    # About the mean of the heaviest part, whose share keeps what is subtracted below from being much more than what is
    # left; about a row that counts at first: a constant feature, whatever its size, has deviations of exactly zero.
    heaviest, weight = max(parts, key=lambda part: float(part[1].sum()))
    x = room[: len(heaviest)].copy_(heaviest)
    first = x[int(weight.argmax())].clone()
    centre = first + weight @ x.sub_(first) / weight.sum().clamp(min=1e-30)
    sums = []
    for part, weight in parts:
        x = room[: len(part)].copy_(part).sub_(centre)
        sums += [weight @ x, weight @ x.square_()]
    shift, spread = (torch.stack(sums[i::2]).cpu().double().sum(0) for i in (0, 1))
    gap = shift / total.clamp(min=1e-300)
    return total, centre.cpu().double() + gap, (spread - shift * gap).clamp(min=0)


def _merge(one: _Sums, other: _Sums) -> _Sums:
    (n1, mean1, m1), (n2, mean2, m2) = one, other
    n = n1 + n2
    share = n2 / n.clamp(min=1e-300)
    gap = mean2 - mean1
    return n, mean1 + gap * share, m1 + m2 + gap.square() * n1 * share


def _reduce(total: Tensor, mean: Tensor, m2: Tensor) -> _Sums:
    if distributed.world_size() == 1:
        return total, mean, m2
    grand = distributed.all_reduce(total.clone())
    center = distributed.all_reduce(mean * total) / grand
    return grand, center, distributed.all_reduce(m2 + total * (mean - center).square())
