"""Proximal Newton with one shared Gram matrix: the Hessian is G ⊗ S, so inner steps never touch rows."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.certificate import Point
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.row_descent import minimise_model

__all__ = ["ProxNewton"]


class ProxNewton(Solver):
    """Each step minimises ⟨g, Δ⟩ + ½ tr(S Δᵀ G Δ) + penalty(W + Δ) over a working set of features, then searches the
    line on cached logits. S is the k×k mean curvature of the loss at the current point.
    """

    name: ClassVar[str] = "prox_newton"

    def __init__(self, problem: Problem, penalty: Penalty, seed: int) -> None:
        super().__init__(problem, penalty, seed)
        self.lambda_ = 0.0
        self.features = torch.zeros(0, dtype=torch.int64, device=problem.device)
        self.gram = torch.zeros(0, 0, dtype=problem.dtype, device=problem.device)

    def start(self, lambda_: float) -> None:
        self.lambda_ = lambda_

    def step(self, point: Point) -> tuple[Tensor, Tensor]:
        self._admit(point)
        if not len(self.features):
            return point.coef, point.logits
        Z = point.logits + point.intercept.to(point.logits)
        S = distributed.all_reduce(
            self.problem.loss.mean_curvature(Z, self.problem.typed_targets, self.problem.design.weight[:, None])
        )
        start = point.coef[self.features]
        target = minimise_model(
            self.gram,
            S / self.problem.design.total,
            point.slope[self.features].to(start),
            start,
            self.penalty,
            self.lambda_,
            self.features,
        )
        delta = torch.zeros_like(point.coef)
        delta[self.features] = target - start
        return self._search(point, delta)

    def _admit(self, point: Point) -> None:
        """Let features that violate optimality, or are used, into the working set; extend the Gram matrix by them."""
        wanted = (self.penalty.violation(point.coef.double(), point.slope, self.lambda_) > 0).any(1)
        wanted |= (point.coef != 0).any(1)
        wanted[self.features] = False
        new = wanted.nonzero().flatten()
        if not len(new):
            return
        features = torch.cat([self.features, new])
        columns = self.problem.design.gram(features, new)
        old = len(self.features)
        gram = torch.empty(len(features), len(features), dtype=columns.dtype, device=columns.device)
        gram[:old, :old] = self.gram
        gram[:, old:] = columns
        gram[old:, :old] = columns[:old].T
        self.features, self.gram = features, gram

    def _search(self, point: Point, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Armijo on cached logits: the model's curvature is not an upper bound."""
        direction = self.problem.design.times(delta)
        shift = point.intercept.to(point.logits)
        ahead = self.penalty.value(point.coef + delta, self.lambda_)
        here = self.penalty.value(point.coef, self.lambda_)
        decrease = -float((point.slope * delta).sum()) + ahead - here
        size = 1.0
        for _ in range(30):
            coef, logits = point.coef + size * delta, point.logits + size * direction
            objective = self.problem.mean_loss(logits + shift) + self.penalty.value(coef, self.lambda_)
            if objective <= point.objective + 1e-4 * size * min(decrease, 0.0):
                return coef, logits
            size *= 0.5
        return point.coef, point.logits
