"""Dual points whose residuals have mean zero, as an intercept demands."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.problem import Problem

__all__ = ["Balance"]


@dataclass(frozen=True, eq=False)
class Balance:
    """(1 − ``mix``)·θ + mix·(y − ``share``): what an intercept's Newton iteration left of the mean residual is mixed
    away with a constant row, never centred, for that could leave the conjugate's domain."""

    problem: Problem
    mix: float
    share: Tensor

    @classmethod
    def of(cls, problem: Problem, theta_mean: Tensor) -> Balance:
        """For residuals whose weighted mean is ``theta_mean`` (k,)."""
        if not problem.intercept:
            return cls(problem, 0.0, problem.target_mean)
        return cls(problem, *problem.loss.balance(theta_mean, problem.target_mean))

    def slope(self, slope: Tensor) -> Tensor:
        """(p, k) Zᵀθ/n of the mixture, from that of θ."""
        if self.mix <= 0:
            return slope
        cross, mean = self.problem.moments
        return (1 - self.mix) * slope + self.mix * (cross - mean * self.share)

    def smooth(self, value: float) -> float:
        """The smooth dual value of the mixture, or less, from that of θ: it is concave."""
        return value if self.mix <= 0 else (1 - self.mix) * value + self.mix * self._constant_row()

    def _constant_row(self) -> float:
        """The mean smooth dual value of y − s in every row: where there is mixing, it depends on y − (y − s) alone."""
        row = self.share[None]
        value = float(self.problem.loss.dual_rows(-row, torch.zeros_like(row)))
        fitted, offset = self.problem.offset_moments
        return value - float(fitted - self.share @ offset)
