"""Dual points of earlier steps, kept because a mixture of them bounds the optimum better than the last one."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty

__all__ = ["DualBundle"]

PASSES = 60


class DualBundle:
    """Feasible dual points θ, also of other λ's, each known by its smooth dual value and its slope V = Zᵀθ/n.

    The smooth part of the dual is concave, so Σ cᵢ·smoothᵢ − penalty*(Σ cᵢVᵢ) is a lower bound of the optimum for all
    c ≥ 0 that sum to one, and needs no row of the data. Between steps the slopes of the features in use scatter around
    the threshold; mixing them cancels what the conjugate of a small ridge part would charge for. The point θ = 0, whose
    value is never negative, belongs to every bundle.
    """

    def __init__(self, size: int = 6) -> None:
        self.size = size
        self._smooth: list[float] = []
        self._slopes: list[Tensor] = []

    def add(self, smooth: float, slope: Tensor) -> None:
        """Keep one point: its value, and its slope (p, k) in float64, unless it was the last one."""
        if math.isfinite(smooth) and not (self._slopes and smooth == self._smooth[-1] and slope is self._slopes[-1]):
            self._smooth = [*self._smooth, smooth][-self.size :]
            self._slopes = [*self._slopes, slope][-self.size :]

    def best(self, penalty: Penalty, lambda_: float, wanted: float) -> tuple[float, Tensor]:
        """The best bound of a mixture, less where ``wanted`` is out of reach, and the slope V of that mixture."""
        from clearhead.glm.kernels.mixing import ascend

        if len(self._smooth) < 2 or penalty.l1_ratio >= 1 or lambda_ <= 0:
            return -math.inf, torch.zeros(0)
        slopes = torch.stack(self._slopes)
        m, p, k = slopes.shape
        factors = penalty.weights(p, slopes)
        entries = slopes.mT if penalty.grouped else slopes.reshape(m, 1, p * k)
        factors = (factors if penalty.grouped else factors.expand(p, k)).reshape(-1)
        level, ridge = lambda_ * penalty.l1_ratio * factors, lambda_ * (1 - penalty.l1_ratio) * factors
        sizes = (entries.clamp(min=0) if penalty.nonnegative else entries).square().sum(1).amax(0)
        outside = (sizes > level.square()).nonzero()[:, 0]
        entries = torch.cat([entries[:, :, outside], entries.new_zeros(1, entries.shape[1], len(outside))])
        weights = np.zeros(m + 1)
        weights[m - 1] = 1.0
        smooth = np.array([*self._smooth, 0.0])
        A, levels, ridges = (t.cpu().contiguous().numpy() for t in (entries, level[outside], ridge[outside]))
        bound = ascend(A, smooth, levels, ridges, penalty.nonnegative, weights, wanted, PASSES)
        return float(bound), torch.einsum("mpk,m->pk", slopes, torch.from_numpy(weights[:m]).to(slopes))
