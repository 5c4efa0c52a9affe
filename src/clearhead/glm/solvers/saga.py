"""The paper's solver: mini-batch SAGA with the elastic net in its proximal step (section A, Algorithm 1)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import SettingError
from clearhead.core.seeds import torch_generator
from clearhead.glm.certificate import Point
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Held, Logits
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.fista import largest_eigenvalue

__all__ = ["Saga"]


class Saga(Solver):
    """Algorithm 1 as meant: an (n, k) table of scalars a = ∂ℓ/∂z instead of stored gradients, a fixed step, the
    elastic-net (or group) proximal step of eq. 4, and the averages updated once a batch (the listing updates them
    inside its loop over i). The table is warm-started along the path.

    The step size is 1/(3 L_B), L_B the smoothness of a mini-batch bounded by the expected-smoothness interpolation of
    Gazagnadou et al. 2019 between the largest row and the whole data. ``stopped`` names which of the paper's two
    stopping rules would have ended the solve, and at which epoch: "gradient" (‖Δβ‖ ≤ ε) or "lookbehind" (the training
    loss did not fall by ε for T epochs). Neither is a proof, so the certificate decides.
    """

    name: ClassVar[str] = "saga"
    largest_batch = 512
    epochs_per_certificate = 5
    stop_tol = 1e-4
    lookbehind = 5

    def __init__(self, problem: Problem, penalty: Penalty, seed: int) -> None:
        super().__init__(problem, penalty, seed)
        if distributed.world_size() > 1:
            raise SettingError(
                "saga draws its batches from one process's rows",
                got=f"{distributed.world_size()} processes",
                fix="use --solver prox_newton or fista, which give the same path",
            )
        if not isinstance(problem.arrays, Held):
            raise SettingError(
                "saga keeps a table of rows × outputs, which does not fit in the memory allowed",
                fix="use --solver prox_newton, or allow more memory",
            )
        self.arrays = problem.arrays
        self.generator = torch_generator(seed, "saga")
        self.table: Tensor | None = None
        self.average = torch.zeros(0)
        self.average_b = torch.zeros(0)
        self.lambda_ = 0.0
        self.stopped = {}
        n = problem.design.shape[0]
        batch = self.batch = min(self.largest_batch, max(1, n // 8))
        whole = largest_eigenvalue(problem, seed)
        rows = float((problem.design.row_norms() * problem.design.weight).max()) + 1.0
        mixed = (
            whole
            if n <= batch
            else n * (batch - 1) / (batch * (n - 1)) * whole + (n - batch) / (batch * (n - 1)) * rows
        )
        self.step_size = 1.0 / (3.0 * problem.loss.curvature_bound() * max(mixed, 1e-30))

    def start(self, lambda_: float) -> None:
        self.lambda_, self.stopped = lambda_, {}
        self.epoch, self.best_loss, self.idle = 0, float("inf"), 0

    def observe(self, point: Point) -> None:
        pass

    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        if self.table is None:
            fit = self.problem.fit(point.logits, point.intercept)
            theta = self.problem.arrays.written_residual(fit.theta)
            assert theta is not None
            self.table, self.average = -theta, -point.slope.to(point.coef)
            self.average_b = -fit.theta_mean
        W, b = point.coef.clone(), point.intercept.clone()
        for _ in range(self.epochs_per_certificate):
            before, before_b = W, b
            W, b = self._epoch(W, b)
            self.epoch += 1
            self._paper_rules(float(((W - before).norm() ** 2 + (b - before_b).norm() ** 2) ** 0.5))
        logits = self.problem.logits(W)
        self._look_behind(self.problem.fit(logits, b).loss)
        return W, logits, b

    def _epoch(self, W: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        problem, design, k = self.problem, self.problem.design, self.problem.n_outputs
        n = design.shape[0]
        assert self.table is not None
        order = torch.randperm(n, generator=self.generator).to(problem.device)
        for rows in torch.split(order, self.batch):
            Z, w = design.rows(rows), design.weight[rows, None]
            logits = Z @ W + b.to(W)
            if problem.offset is not None:
                logits = logits + problem.offset[rows].to(W)
            fresh = -problem.loss.residual(logits, self.arrays.padded_targets[rows, :k])
            change = w * (fresh - self.table[rows, :k])
            gradient, gradient_b = Z.T @ change / len(rows), change.double().mean(0)
            W = self.penalty.prox(W - self.step_size * (gradient + self.average), self.step_size, self.lambda_)
            if problem.intercept:
                b = b - self.step_size * (gradient_b + self.average_b)
            self.table[rows, :k] = fresh
            self.average = self.average + gradient * (len(rows) / n)
            self.average_b = self.average_b + gradient_b * (len(rows) / n)
        return W, b

    def _paper_rules(self, moved: float) -> None:
        if moved <= self.stop_tol:
            self.stopped = {"gradient": self.epoch, **self.stopped}

    def _look_behind(self, loss: float) -> None:
        self.idle = 0 if loss < self.best_loss - self.stop_tol else self.idle + self.epochs_per_certificate
        self.best_loss = min(self.best_loss, loss)
        if self.idle >= self.lookbehind:
            self.stopped = {"lookbehind": self.epoch, **self.stopped}
