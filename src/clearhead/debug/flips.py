"""The smallest set of features whose removal makes one class win: a greedy set and a proven lower bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["smallest_flip"]

Array = NDArray[np.float64]


class _Rival:
    """What turning each feature off takes from one rival's lead, largest first."""

    def __init__(self, value: Array, weight: Array, rival: int, truth: int) -> None:
        gain = value * (weight[:, rival] - weight[:, truth])
        positive = np.flatnonzero(gain > 0)
        self.order = positive[np.argsort(-gain[positive], kind="stable")]
        self.sorted_gain = gain[self.order]
        self.next = 0

    def needed(self, gap: float) -> int:
        """How many of the largest gains bring a gap to zero; one more than there are gains if all do not."""
        return int((self.sorted_gain.cumsum() < gap).sum()) + 1

    def best(self, taken: set[int]) -> int | None:
        """The free feature that hurts this rival most; None if none does."""
        while self.next < len(self.order) and int(self.order[self.next]) in taken:
            self.next += 1  # a feature once taken stays taken
        return int(self.order[self.next]) if self.next < len(self.order) else None


def smallest_flip(logits: Array, value: Array, weight: Array, truth: int) -> tuple[list[int] | None, int]:
    """Features to turn off so that class ``truth`` has the largest logit.

    Parameters
    ----------
    logits : (K,) of the row.
    value : (p,) each feature relative to "off".
    weight : (p, K) of the logits: turning feature j off takes value[j]·weight[j] from them.

    Returns
    -------
    (set or None, bound): the set found by always attacking the leading rival with the feature that hurts it most;
    None if that ends before the truth wins. No set smaller than ``bound`` can do it: each rival alone needs that many
    of its largest gains. So a set of ``bound`` features is smallest; for two classes it always is.
    """
    gap = logits - logits[truth]
    rivals = {c: _Rival(value, weight, c, truth) for c in np.flatnonzero(gap >= 0).tolist() if c != truth}
    bound = max((rival.needed(float(gap[c])) for c, rival in rivals.items()), default=0)
    chosen: list[int] = []
    taken: set[int] = set()
    while True:
        ahead = gap.copy()
        ahead[truth] = -np.inf
        c = int(ahead.argmax())
        # A tie goes to the lower class number, as argmax does.
        if gap[c] < 0 or (gap[c] == 0 and truth < c):
            return chosen, bound
        if c not in rivals:
            rivals[c] = _Rival(value, weight, c, truth)
        best = rivals[c].best(taken)
        if best is None:
            return None, bound
        chosen.append(best)
        taken.add(best)
        gap = gap - value[best] * (weight[best] - weight[best, truth])
