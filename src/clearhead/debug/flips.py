"""The smallest set of features whose removal makes one class win: a greedy set and a proven lower bound."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["smallest_flip"]


def smallest_flip(gap: Tensor, gains: Tensor, truth: int) -> tuple[list[int] | None, int]:
    """Features to turn off so that class ``truth`` has the largest logit.

    Parameters
    ----------
    gap : (K,) logit of each class minus that of ``truth``.
    gains : (p, K) what turning feature j off takes from each class's gap.

    Returns
    -------
    (set or None, bound): the set found by always attacking the leading rival with the feature that hurts it most;
    None if that ends before the truth wins. No set smaller than ``bound`` can do it: each rival alone needs that many
    of its largest gains. So a set of ``bound`` features is smallest; for two classes it always is.
    """
    rivals = [c for c in range(len(gap)) if c != truth and float(gap[c]) >= 0]
    bound = max((_needed(float(gap[c]), gains[:, c]) for c in rivals), default=0)
    gap, free = gap.clone(), torch.ones(len(gains), dtype=torch.bool)
    chosen: list[int] = []
    while True:
        other = gap.clone()
        other[truth] = -torch.inf
        rival = int(other.argmax())
        # A tie goes to the lower class number, as argmax does.
        if float(gap[rival]) < 0 or (float(gap[rival]) == 0 and truth < rival):
            return chosen, bound
        best = int(torch.where(free, gains[:, rival], torch.full_like(gains[:, rival], -torch.inf)).argmax())
        if not bool(free[best]) or float(gains[best, rival]) <= 0:
            return None, bound
        free[best] = False
        chosen.append(best)
        gap = gap - gains[best]


def _needed(gap: float, gains: Tensor) -> int:
    """How many of the largest gains bring a gap to zero; one more than there are gains if all do not."""
    positive = gains[gains > 0].sort(descending=True).values.cumsum(0)
    return int((positive < gap).sum()) + 1
