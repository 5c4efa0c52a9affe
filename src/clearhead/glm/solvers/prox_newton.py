"""Proximal Newton with one shared Gram matrix and a secant memory: inner steps never touch the rows."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm.certificate import Point
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.room import MEMORY, WHOLE_GRAM
from clearhead.glm.row_arrays import Logits
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.model import Effort, Model, accelerated, minimise, model_width
from clearhead.glm.solvers.secant import SecantMemory

__all__ = ["ProxNewton"]

ALMOST = 0.75  # the share of all features from which the working set is all of them, whose Gram matrix needs no copy
MARGIN = 0.9  # features whose slope reaches this share of the threshold join the working set


class ProxNewton(Solver):
    """Each step minimises ⟨g, Δ⟩ + ½⟨Δ, B Δ⟩ + penalty(W + Δ) over a working set of features, then searches the line
    on cached logits. B is G ⊗ S, with S the k×k mean curvature of the loss, corrected by what earlier steps, also
    those at larger λ, showed of the true Hessian. So an outer step costs one product with Z and one with Zᵀ.
    """

    name: ClassVar[str] = "prox_newton"

    def __init__(self, problem: Problem, penalty: Penalty, seed: int, whole: bool = True) -> None:
        super().__init__(problem, penalty, seed)
        self.whole = whole and problem.n_features <= WHOLE_GRAM  # whether the Gram matrix is computed at once
        self.lambda_ = 0.0
        self.steps = 0
        self.memory = SecantMemory(MEMORY)
        self.known = torch.zeros(0, dtype=torch.int64, device=problem.device)  # features in the stored Gram matrix
        self.stored = torch.zeros(0, 0, dtype=problem.dtype, device=problem.device)
        self.features = self.known
        self.gram = self.stored
        self.last: Point | None = None
        self._norm: float | None = None

    def start(self, lambda_: float) -> None:
        self.lambda_, self.last, self.steps = lambda_, None, 0
        self.features = self.known[:0]

    def learn(self, features: Tensor) -> None:
        """Compute the Gram matrix of these features beforehand."""
        self._learn_gram(features)

    def taught(self, problem: Problem) -> ProxNewton:
        """A solver of the same rows under other weights that uses this one's Gram matrix as its model."""
        other = ProxNewton(problem, self.penalty, self.seed)
        other.known, other.stored = self.known, self.stored
        return other

    def observe(self, point: Point) -> None:
        if self.last is not None and self.last is not point:
            self.memory.add(self._pad(point.coef - self.last.coef), self._pad(self.last.slope - point.slope))
        self.last = point

    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        self._admit(point)
        if not len(self.features):
            return point.coef, point.logits, point.intercept
        S = self._square(point.fit.curvature)
        left, right = self.memory.correction(self.gram, self.features, S)
        start = point.coef[self.features]
        slope = point.slope[self.features].to(start)
        model = Model(self.gram, S, left, right, slope, self.features, self._largest())
        target = distributed.agreed(minimise(model, start, self.penalty, self.lambda_, self._effort()))
        delta = torch.zeros_like(point.coef)
        delta[self.features] = target - start
        return self._search(point, delta)

    def _pad(self, values: Tensor) -> Tensor:
        """(…, k) to the model's width, in compute precision."""
        k = values.shape[1]
        return pad(values.to(self.problem.dtype), (0, model_width(k, values.device) - k)).contiguous()

    def _square(self, values: Tensor) -> Tensor:
        if values.ndim == 1:
            return values.to(self.problem.dtype)
        extra = model_width(len(values), values.device) - len(values)
        return pad(values.to(self.problem.dtype), (0, extra, 0, extra)).contiguous()

    def _largest(self) -> float:
        """The Gram matrix's largest eigenvalue, where the inner solver asks for it."""
        if self._norm is None and accelerated(self.problem.device):
            self._norm = float(torch.linalg.eigvalsh(self.gram)[-1])
        return self._norm or 0.0

    def _effort(self) -> Effort:
        """Inner sweeps worth about half the time of the outer products, more of them the longer a λ takes."""
        a = len(self.features)
        sweeps = max(self.problem.design.work / (4 * a**2), 2000 / a, 5) * 1.2**self.steps
        self.steps += 1
        return Effort(int(min(sweeps, 300)), 0.01)

    def _admit(self, point: Point) -> None:
        """Choose the working set at the first step of a λ; let violators in afterwards."""
        W = point.coef.double()
        inside = (W != 0).any(1)
        near = self.penalty.excess(point.slope, MARGIN * self.lambda_)[0] if not len(self.features) else None
        wanted = inside | ((self.penalty.violation(W, point.slope, self.lambda_) if near is None else near) > 0).any(1)
        wanted[self.features] = True
        count = int(wanted.sum())
        if count == len(self.features):
            return
        if count > ALMOST * len(wanted) and len(self.known) == len(wanted):
            wanted[:] = True
        self._learn_gram(wanted.nonzero().flatten())

    def _learn_gram(self, features: Tensor) -> None:
        position = torch.full((self.problem.n_features,), -1, dtype=torch.int64, device=self.known.device)
        position[self.known] = torch.arange(len(self.known), device=self.known.device)
        candidates = torch.arange(len(position), device=position.device) if self.whole else features
        new = candidates[position[candidates] < 0]
        if len(new):
            known = torch.cat([self.known, new])
            columns = self.problem.design.gram(known, new) if len(self.known) else self.problem.design.gram(new, new)
            old = len(self.known)
            stored = torch.empty(len(known), len(known), dtype=columns.dtype, device=columns.device)
            stored[:old, :old] = self.stored
            stored[:, old:] = columns
            stored[old:, :old] = columns[:old].T
            position[new] = torch.arange(old, len(known), device=known.device)
            self.known, self.stored = known, stored
        self.features, place = features, position[features]
        complete = torch.equal(place, torch.arange(len(self.known), device=place.device))
        self.gram = self.stored if complete else self.stored[place[:, None], place]
        self.memory.forget_gram()
        self._norm = None

    def _search(self, point: Point, delta: Tensor) -> tuple[Tensor, Logits, Tensor]:
        """Armijo on cached logits: the model's curvature is not an upper bound."""
        direction = self.problem.direction(delta)
        coef, logits = point.coef + delta, point.logits + direction
        penalty = self.penalty.value(coef, self.lambda_)
        decrease = -float((point.slope * delta).sum()) + penalty - (point.objective - point.fit.loss)
        # In float64 the objective itself is known to some sixteen roundings of its sum, no better.
        rounding = max(torch.finfo(self.problem.dtype).eps, 16 * torch.finfo(torch.float64).eps)
        size, slack = 1.0, rounding * abs(point.objective)
        for _ in range(25):
            intercept, fit = self.problem.solve_intercept(logits, point.intercept, limit=2, keep=True)
            margin = point.objective + 1e-4 * size * min(decrease, 0.0) + slack - (fit.loss + penalty)
            if distributed.smallest(margin) >= 0:
                return coef, logits, intercept
            size *= 0.5
            coef, logits = point.coef + size * delta, point.logits + size * direction
            penalty = self.penalty.value(coef, self.lambda_)
        self.memory = SecantMemory(MEMORY)  # what misled the model is forgotten
        return point.coef, point.logits, point.intercept
