"""FISTA with adaptive restart: the plain reference."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core.seeds import torch_generator
from clearhead.glm.certificate import Point
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Logits
from clearhead.glm.solvers.base import Solver

__all__ = ["Fista", "largest_eigenvalue"]


class Fista(Solver):
    """Accelerated proximal gradient (Beck and Teboulle 2009), restarted when a step turns uphill (O'Donoghue and
    Candès 2015). The step is 1/L with L from the loss's curvature bound and a power iteration on ZᵀZ/n.
    """

    name: ClassVar[str] = "fista"
    steps_per_certificate = 10

    def __init__(self, problem: Problem, penalty: Penalty, seed: int) -> None:
        super().__init__(problem, penalty, seed)
        self.step_size = 1.0 / max(problem.loss.curvature_bound() * largest_eigenvalue(problem, seed), 1e-30)
        self.lambda_ = 0.0
        self.momentum = 1.0
        self.previous: Tensor | None = None

    def start(self, lambda_: float) -> None:
        self.lambda_, self.momentum, self.previous = lambda_, 1.0, None

    def observe(self, point: Point) -> None:
        pass

    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        W, b = point.coef, point.intercept
        previous = W if self.previous is None else self.previous
        for _ in range(self.steps_per_certificate):
            momentum = (1 + (1 + 4 * self.momentum**2) ** 0.5) / 2
            Y = W + (self.momentum - 1) / momentum * (W - previous)
            Y_logits = self.problem.logits(Y)
            b, fit = self.problem.solve_intercept(Y_logits, b, limit=2)
            slope = self.problem.slope(fit.theta)
            following = self.penalty.prox(Y + self.step_size * slope.to(Y), self.step_size, self.lambda_)
            uphill = float(((Y - following) * (following - W)).sum()) > 0
            previous, W, self.momentum = W, following, 1.0 if uphill else momentum
        self.previous = previous
        return W, self.problem.logits(W), b


def largest_eigenvalue(problem: Problem, seed: int, iterations: int = 30) -> float:
    """An estimate from above of the largest eigenvalue of ZᵀdiagwZ/n."""
    generator = torch_generator(seed, "power iteration")
    v = torch.randn(problem.n_features, 1, generator=generator).to(problem.device, problem.dtype)
    value = 0.0
    for _ in range(iterations):
        v = v / v.norm().clamp(min=1e-30)
        v = problem.design.against(problem.design.times(v), 1).to(v)
        value = float(v.norm())
    return 1.02 * value
