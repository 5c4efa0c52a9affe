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
        m, (p, k) = len(self._slopes), self._slopes[0].shape
        factors = penalty.weights(p, self._slopes[0])
        factors = (factors if penalty.grouped else factors.expand(p, k)).reshape(-1)
        level, ridge = lambda_ * penalty.l1_ratio * factors, lambda_ * (1 - penalty.l1_ratio) * factors
        entries = [slope.T if penalty.grouped else slope.reshape(1, p * k) for slope in self._slopes]
        outside = torch.zeros_like(level, dtype=torch.bool)
        for slope in entries:
            size = (slope.clamp(min=0) if penalty.nonnegative else slope).square().sum(0)
            outside |= size > level.square()
        places = outside.nonzero()[:, 0]
        some = [slope[:, places] for slope in entries]
        A = torch.stack([*some, torch.zeros_like(some[0])])
        weights = np.zeros(m + 1)
        weights[m - 1] = 1.0
        smooth = np.array([*self._smooth, 0.0])
        points, levels, ridges = (t.cpu().contiguous().numpy() for t in (A, level[places], ridge[places]))
        bound = ascend(points, smooth, levels, ridges, penalty.nonnegative, weights, wanted, PASSES)
        mixture = torch.zeros_like(self._slopes[0])
        for slope, weight in zip(self._slopes, weights, strict=False):
            mixture.add_(slope, alpha=float(weight))
        return float(bound), mixture
