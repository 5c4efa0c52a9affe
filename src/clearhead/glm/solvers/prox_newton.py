"""Proximal Newton with one shared Gram matrix and a secant memory: inner steps never touch the rows."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.glm.certificate import Point
from clearhead.glm.dual_search import DualSearch
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.products import padded
from clearhead.glm.room import MEMORY, give_back_large
from clearhead.glm.row_arrays import Logits
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.gram import GramStore
from clearhead.glm.solvers.inner import minimise
from clearhead.glm.solvers.model import Effort, Model, accelerated, model_width
from clearhead.glm.solvers.scales import EntryScales
from clearhead.glm.solvers.secant import SecantMemory
from clearhead.glm.solvers.subspace import refines

__all__ = ["ProxNewton"]

ALMOST = 0.75  # the share of all features from which the working set is all of them, whose Gram matrix needs no copy
MARGIN = 0.9  # features whose slope reaches this share of the threshold join the working set
FEW = 5  # sweeps of coordinate descent before conjugate gradients
EAGER = 10  # steps of a λ over which inner effort grows
BENT = 5e7  # numbers of a rank's Z up to which its Gram matrix follows the rows' curvatures: they are copied for it
STEEPER = 1.25  # the model's curvature beside the mean one, for more than one output where it varies
DRIFT = 0.3  # mean change of the rows' curvatures, relative to their mean, that is worth another Gram matrix


class ProxNewton(Solver):
    """Each step minimises ⟨g, Δ⟩ + ½⟨Δ, B Δ⟩ + penalty(W + Δ) over a working set of features, then searches the
    line. B is G ⊗ S, with S the k×k mean curvature of the loss, corrected by what earlier steps, also
    those at larger λ, showed of the true Hessian. So an outer step costs one product with Z and one with Zᵀ.
    """

    name: ClassVar[str] = "prox_newton"

    def __init__(self, problem: Problem, penalty: Penalty, seed: int, whole: bool = True) -> None:
        super().__init__(problem, penalty, seed)
        self.lambda_ = 0.0
        self.steps = 0
        self.memory = SecantMemory(MEMORY, problem.n_outputs)
        self.scales = EntryScales(problem)
        self.last: Point | None = None
        self.dual_search = DualSearch(problem, penalty)
        # The Gram matrix lacks the intercept's share where features are not centred.
        centred = not problem.intercept or bool((problem.scaler.mean != 0).any())
        apart = not accelerated(problem.device) and not penalty.grouped
        self.exact = problem.loss.quadratic and centred and apart
        self.takes_guess = not self.exact
        self.store = GramStore.of(problem.design if self.exact else problem.design.thinned(), whole)
        self.features = self.store.known
        self.gram = self.store.stored
        self._bends = problem.loss.single_curvature and problem.n_outputs == 1 and problem.arrays.held
        self._bends = self._bends and problem.design.work <= BENT and self.store.design is problem.design
        self._steeper = 1.0 if problem.n_outputs == 1 or problem.loss.quadratic else STEEPER
        narrow = 1 < problem.n_outputs <= FULL_CURVATURE and centred and apart and not problem.loss.quadratic
        everything = problem.arrays.held and self.store.whole and problem.design.all_rows() is not None
        self._scaled = narrow and distributed.all_agree(everything)
        self._curvature: Tensor | None = None  # (n,) under which the Gram matrix is, of mean 1; None for ones
        self._norm: float | None = None

    def start(self, lambda_: float) -> None:
        self.lambda_, self.last, self.steps = lambda_, None, 0
        self.features = self.features[:0]

    def learn(self, features: Tensor) -> None:
        """Compute the Gram matrix of these features beforehand."""
        self._work_on(features)

    def taught(self, problem: Problem) -> ProxNewton:
        """A solver of the same rows under other weights that uses this one's Gram matrix as its model."""
        other = ProxNewton(problem, self.penalty, self.seed)
        other.store, other._bends = self.store.shared(problem.design), False
        other._scaled = False
        # Under other weights the matrix is a model, whose secant memory learns the difference.
        other.exact = other.exact and distributed.all_agree(torch.equal(problem.weight, self.problem.weight))
        other.takes_guess = not other.exact
        return other

    def observe(self, point: Point) -> None:
        if self.last is not None and self.last is not point and not self.exact:
            step, change = self._pad(point.coef - self.last.coef), self._pad(self.last.slope - point.slope)
            self.memory.add(*self.scales.pair(step, change))
        self.last = point

    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        self._give_back()
        self._admit(point)
        self._bend(point)
        self._rescale(point)
        if not len(self.features):
            return point.coef, point.logits, point.intercept
        self.problem.release(point.logits)
        target = self._target(point)
        if self.exact:
            coef = point.coef.index_copy(0, self.features, target)
            return coef, self.problem.logits(coef), point.intercept
        delta = torch.zeros_like(point.coef)
        delta[self.features] = target - point.coef[self.features]
        return self._search(point, delta)

    def _target(self, point: Point) -> Tensor:
        """(a, k) weights of the working set that nearly minimise model and penalty."""
        S = self._square(point.fit.curvature * self._steeper)
        left, right = self.memory.correction(self._widest_gram(), self.features, S)
        start, scale = point.coef[self.features], self.scales.of(self.features)
        slope = point.slope[self.features].to(start)
        model = Model(self.gram, S, left, right, slope, self.features, self._largest(), self.exact, scale)
        return distributed.agreed(minimise(model, start, self.penalty, self.lambda_, self._effort()))

    def _pad(self, values: Tensor) -> Tensor:
        """(…, k) to the model's width, in compute precision."""
        return padded(values.to(self.problem.dtype), model_width(values.shape[1], values.device)).contiguous()

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
        """A few sweeps where conjugate gradients may follow. Else sweeps worth about half the time of the outer
        products, more of them from step to step; after `EAGER` steps what is missing is knowledge of the Hessian, which
        steps gather, not sweeps."""
        a, device = len(self.features), self.problem.device
        if self.problem.n_outputs > 1 and refines(self.penalty) and not (self.exact or accelerated(device)):
            return Effort(FEW, 0.03)
        sweeps = max(self.problem.design.work / (4 * a**2), 2000 / a, 5) * (
            1.2**self.steps if self.steps < EAGER else 1
        )
        self.steps += 1
        return Effort(int(min(sweeps, 300)), 0.03)

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
        if count > ALMOST * len(wanted) and self.store.complete:
            wanted[:] = True
        self._work_on(wanted.nonzero().flatten())

    def _work_on(self, features: Tensor) -> None:
        before = self.store.design.reads
        self.features, self.gram = features, self.store.matrix(features)
        if self.store.design is not self.problem.design:
            self.problem.design.reads += self.store.design.reads - before
        self._norm = None

    def _widest_gram(self) -> Tensor:
        """The Gram matrix that secant pairs go through: of all features where it is there, for it stays the same."""
        return self.store.stored if self.store.complete and self.store.whole else self.gram

    def _bend(self, point: Point) -> None:
        """Weight the rows of the Gram matrix by the curvature of their losses here, once they are far from those in
        use and a λ takes more than one step."""
        if not self._bends or self.steps != 1:
            return
        curvature = self.problem.loss.row_curvature(point.logits + point.intercept)
        curvature = curvature / self.problem.mean(curvature)
        used = 1.0 if self._curvature is None else self._curvature
        if float(self.problem.mean((curvature - used).abs())) > DRIFT:
            self._curvature = curvature
            self.store = self.store.under(self.problem.weight * curvature, self.problem.intercept)
            self.problem.design.reads += self.store.design.reads
            self._work_on(self.features)

    def _rescale(self, point: Point) -> None:
        """Scale the weights by how steep each one's loss is, where all features and rows are at hand, and both the Gram
        matrix and the Hessian without the means."""
        if not self._scaled or not len(self.features):
            return
        ratio = self.scales.update(point, self.store.stored.diagonal())
        if ratio is not None:
            self.memory.rescale(ratio)

    def _give_back(self) -> None:
        """Of many outputs, what was freed by arrays of features × outputs, which leave holes."""
        if self.problem.n_outputs > FULL_CURVATURE and not accelerated(self.problem.device):
            give_back_large(self.problem.n_features, self.problem.n_outputs)

    def _search(self, point: Point, delta: Tensor) -> tuple[Tensor, Logits, Tensor]:
        """Armijo, for the model's curvature is not an upper bound; a step is seldom cut."""
        self._give_back()  # what the model took, before arrays of rows × outputs are asked for
        coef = point.coef + delta
        penalty = self.penalty.value(coef, self.lambda_)
        decrease = -float((point.slope * delta).sum()) + penalty - (point.objective - point.fit.loss)
        # In float64 the objective itself is known to some sixteen roundings of its sum, no better.
        rounding = max(torch.finfo(self.problem.dtype).eps, 16 * torch.finfo(torch.float64).eps)
        size, slack = 1.0, rounding * abs(point.objective)
        for _ in range(25):
            logits = self.problem.logits(coef)
            intercept, fit = self.problem.solve_intercept(logits, point.intercept, limit=1, keep=True)
            margin = point.objective + 1e-4 * size * min(decrease, 0.0) + slack - (fit.loss + penalty)
            if distributed.smallest(margin) >= 0:
                return coef, logits, intercept
            size *= 0.5
            self.problem.forget()
            del logits, fit  # arrays of rows × outputs that need not be held beside the next ones
            coef = point.coef + size * delta
            penalty = self.penalty.value(coef, self.lambda_)
        self.memory = SecantMemory(MEMORY, self.problem.n_outputs)  # what misled the model is forgotten
        return point.coef, point.logits, point.intercept
