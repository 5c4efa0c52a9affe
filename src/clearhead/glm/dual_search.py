"""Dual points that the primal ones near the optimum deserve: their residuals, moved until the constraints hold."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.glm.balance import Balance
from clearhead.glm.certificate import Point, fitted_mean
from clearhead.glm.curved_rows import CurvedRows
from clearhead.glm.directions import Directions
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.output_blocks import MARGIN, Draft, OutputBlocks, probabilities
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Whole

__all__ = ["DualSearch"]

SMALLEST = 2e7  # multiply-adds of a product with Z from which a search is worth its many small calls
SETTLED = 0.1  # of the tolerance: what the last step won at most, before a search
EASIER, HARDER = 1.2, 0.4  # what that share is multiplied by after a search that closed the gap, or did not
LEAST = 0.01  # of that share at first, below which it does not fall
FAR = 2.0  # times the tolerance: nearer gaps are closed by the next step
PAUSE = 3  # steps between searches
LIFE = 5  # λ's for which blocks are of use
PRICE = 3.0  # steps that a search costs in directions
STEP = 6.0  # a step's time in that of a matrix product with as many multiply-adds as one with Z
OUTSIDE = 0.1  # share of the weights that may be in no block
TURNS = 25  # of a search
MOST = 60  # directions kept for a λ
ROW_ARRAYS = 6  # of rows × outputs in float64 that live at once
WANTED = 0.7  # of the tolerance
SLOW = 0.7  # of the bound two directions ago, above which steps are cheaper
ROUNDS = 3  # from exact slopes
CUTS = 4  # of a correction that leaves the conjugate's domain


class DualSearch:
    """Moves the residual θ of a point by δ = H·Z·U, with H the curvature of each row's loss.

    Near the optimum the dual value of θ = −∇ℓ is far worse than the primal one: with r the residual of the optimality
    conditions it lacks ‖r‖²/2ρ, with ρ = λ(1 − α) that of the ridge, where the objective lacks some r·A⁻¹r/2, with
    A = ZᵀHZ/n. At θ + δ the residual is r + A·U and the gap ‖r + A·U‖²/2ρ + U·A·U/2 but for terms of third order: a
    quadratic function of U, which conjugate directions minimise, preconditioned by the Hessian within each output. Few
    rows carry most of the curvature, and δ is in those alone: any H does, for the value is computed as it is.
    """

    def __init__(self, problem: Problem, penalty: Penalty) -> None:
        self.problem, self.penalty = problem, penalty
        self.blocks: OutputBlocks | None = None
        self.directions: Directions | None = None
        self._settled = SETTLED
        self._lambda, self._before, self._waited = math.nan, math.inf, 0  # of this λ: the last objective, steps so far

    @property
    def _applies(self) -> bool:
        problem, penalty = self.problem, self.penalty
        k, loss = problem.n_outputs, problem.loss
        suited = (
            1 < k <= FULL_CURVATURE
            and not loss.quadratic
            and not (penalty.grouped or penalty.frees or penalty.l1_ratio >= 1)
        )
        dense = problem.design.at_hand and problem.design.all_rows() is not None
        held = isinstance(problem.arrays, Whole) and dense and problem.device.type == "cpu"
        large = problem.spare > 0 and problem.design.work * k >= SMALLEST
        return suited and held and large and distributed.world_size() == 1

    def improved(self, point: Point, lambda_: float, dual: float, enough: float, deadline: float = math.inf) -> Point:
        """``point`` with a better dual point where a search is due and finds one. ``dual`` is the best bound so far,
        ``enough`` the gap that is asked for, ``deadline`` on the monotonic clock."""
        if lambda_ != self._lambda:
            self._lambda, self._before, self._waited = lambda_, math.inf, 0
            self.directions = None
        won, self._before = self._before - point.objective, point.objective
        self._waited += 1
        far = point.objective - point.dual > FAR * enough and enough < point.objective - dual < math.inf
        due = self._waited >= PAUSE and won <= self._settled * enough and far
        if not (due and lambda_ > 0 and self._applies):
            return point
        search = _Search.of(self.problem, self.penalty, lambda_, point)
        self._waited = 0
        if not self._prepare(search, math.log2((point.objective - dual) / enough)):
            return point
        assert self.blocks is not None
        if self.directions is None:
            self.directions = Directions(MOST, search.residual.numel(), self.blocks.Z.dtype)
        value, slope = search.run(self.blocks, self.directions, enough, deadline)
        reached = point.objective - value <= enough
        self._settled *= EASIER if reached else HARDER
        self._settled = min(max(self._settled, LEAST * SETTLED), SETTLED)
        return replace(point, dual=value, dual_slope=slope) if value > point.dual else point

    def _prepare(self, search: _Search, digits: float) -> bool:
        """Whether there are blocks for the search; they are made where they cost less than the steps they may save,
        one for each halving of the gap, less what the search takes itself."""
        outside = math.inf if self.blocks is None else int((search.mask & ~self.blocks.inside).sum())
        if outside <= OUTSIDE * int(search.mask.sum()):
            return True
        problem, k = self.problem, self.problem.n_outputs
        saved = LIFE * (digits - PRICE) * STEP * problem.design.work * k
        (n, p), size = problem.design.shape, problem.dtype.itemsize
        room = problem.spare - 2 * MOST * k * p * size - ROW_ARRAYS * n * k * 8
        if saved <= 0 or room <= 0:
            return False
        draft = Draft.of(problem, search.near, probabilities(problem, search.point.logits, search.point.intercept))
        if not len(draft.rows) or draft.work > saved or draft.bytes > room:
            return False
        self.blocks = self.directions = None  # their memory is needed
        self.blocks = draft.built()
        return True


@dataclass(frozen=True, eq=False)
class _Search:
    """One search; arrays are (k, p), so that what belongs to an output lies side by side.

    ``residual`` of the optimality conditions, in float64, zero outside of ``mask``, the weights whose slope is to
    meet one; ``near``, these and those whose slope may have to at one of the next λ's.
    """

    problem: Problem
    penalty: Penalty
    lambda_: float
    point: Point
    ridge: Tensor
    residual: Tensor
    mask: Tensor
    near: Tensor

    @classmethod
    def of(cls, problem: Problem, penalty: Penalty, lambda_: float, point: Point) -> _Search:
        W, V = point.coef.double(), point.slope
        scale = lambda_ * penalty.weights(len(W), V)
        level, ridge = scale * penalty.l1_ratio, scale * (1 - penalty.l1_ratio)
        size = V.clamp(min=0) if penalty.nonnegative else V.abs()
        mask = ((W != 0) | (size > level)) & torch.isfinite(scale)
        wanted = torch.where(W != 0, level * W.sign() + ridge * W, level * V.sign())
        residual = torch.where(mask, V - wanted, 0.0)
        near = mask | (size > MARGIN * level)
        ridge = torch.where(torch.isfinite(scale), ridge, 1.0).expand_as(V)
        return cls(problem, penalty, lambda_, point, *(t.T.contiguous() for t in (ridge, residual, mask, near)))

    def run(self, blocks: OutputBlocks, directions: Directions, enough: float, deadline: float) -> tuple[float, Tensor]:
        """The dual value found and its slope (p, k). ``directions`` are those of earlier searches at this λ."""
        rows, best = CurvedRows.of(self.problem, self.point, blocks), (-math.inf, self.point.slope)
        U, search = torch.zeros_like(self.residual, dtype=blocks.Z.dtype), self
        for _ in range(ROUNDS):
            U = search._minimised(rows, blocks, directions, U, WANTED * enough, deadline)
            value, slope, size = self._valued(rows, rows.moved(U, self.point.fit.theta_mean))
            if not value > best[0]:
                break
            best, U = (value, slope), size * U
            if self.point.objective - value <= enough or time.monotonic() > deadline:
                break
            # From the slope that was reached, on the weights that are out of bounds there too.
            search = _Search.of(self.problem, self.penalty, self.lambda_, replace(self.point, slope=best[1]))
        return best

    def _minimised(
        self,
        rows: CurvedRows,
        blocks: OutputBlocks,
        directions: Directions,
        U: Tensor,
        small: float,
        deadline: float,
    ) -> Tensor:
        """(k, p) from ``U`` on, at whose slope the residual was found, towards a small expected gap."""
        shape = U.shape
        r, ridge, mask = (t.to(U).flatten() for t in (self.residual, self.ridge, self.mask))
        directions.weigh(mask / ridge)
        bent = rows.bent(U) if bool(U.any()) else U  # A·U, for which a search that begins needs no rows
        bent, U, since = bent.flatten(), U.flatten(), 0
        gaps: list[float] = []
        for _ in range(TURNS):
            step, change = directions.steps(r, U, since)
            U, r, bent, since = U + step, r + change, bent + change, directions.count
            gaps.append(float(r @ (directions.weight * r) + U @ bent) / 2)
            slow = len(gaps) > 2 and gaps[-1] > SLOW * gaps[-3]
            if gaps[-1] <= small or slow or directions.full or time.monotonic() > deadline:
                break
            d = rows.apart(blocks.solve(-(r * mask + ridge * U).view(shape)))
            if not directions.add(d.flatten(), rows.bent(d).flatten()):
                break
        return U.view(shape)

    def _valued(self, rows: CurvedRows, delta: Tensor) -> tuple[float, Tensor, float]:
        """The dual value of θ and as much of ``delta`` (m, width) as stays in the domain, its slope (p, k), and how
        much that is."""
        point, problem, moved = self.point, self.problem, rows.against(delta).T
        smooth = point.fit.loss + fitted_mean(point.coef, point.intercept, point.slope, point.fit)
        size = 1.0
        for _ in range(CUTS):
            won, mean = rows.gain(size * delta)
            if math.isfinite(won):
                balance = Balance.of(problem, point.fit.theta_mean + mean)
                slope = balance.slope(point.slope + size * moved)
                return balance.smooth(smooth + won) - self.penalty.conjugate(slope, self.lambda_), slope, size
            size *= 0.5
        return -math.inf, point.slope, 0.0
