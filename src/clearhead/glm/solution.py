"""What a solver returns: a `Status` of how it ended, a certified `Solution`, a `RegularizationPath` of them."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import torch
from torch import Tensor

from clearhead.core.errors import NotConvergedError
from clearhead.core.scaling import Standardizer

__all__ = ["RegularizationPath", "Solution", "Status"]


class Status(enum.Enum):
    """How the solver ended at one λ. Each member is a sentence with its remedy."""

    Converged = "The certified duality gap is within the tolerance."
    IterationLimit = (
        "The iteration limit came first; raise SolveOptions.max_iter or loosen tol. The gap stated is honest."
    )
    TimeLimit = "The time limit came first; raise SolveOptions.time_limit or resume. The gap stated is honest."
    Stalled = "No step improves the objective any more; use float64 features, standardise, or loosen tol."
    PrecisionLimit = "The tolerance is below what this dtype can certify; pass float64 features or loosen tol."
    Diverged = (
        "A value overflowed or became NaN; rescale the features or use a larger λ. The last finite point is kept."
    )
    Uncertified = (
        "There is no finite duality bound here (λ = 0 or an unpenalised direction); judge by the KKT residual."
    )
    Interrupted = "The callback or the user stopped it here; call again with resume to go on."

    @property
    def ok(self) -> bool:
        """Whether the tolerance that was asked for is met."""
        return self is Status.Converged


@dataclass(frozen=True, eq=False)
class Solution:
    """One head of the path and its certificate.

    Parameters
    ----------
    lambda_ : λ.
    coef : (p, k) float tensor on standardised features; a weight is zero when it ``== 0``.
    intercept : (k,) float tensor, on standardised features.
    objective : F(W, b) = weighted mean loss + λ[α‖W‖₁ + (1−α)/2‖W‖²] (or its grouped form).
    gap : (objective − best dual bound) / null loss, certified in float64; infinite if there is no bound.
    kkt : largest violation of the optimality conditions, in units of the gradient.
    status : how the solver ended.
    n_iter : outer iterations spent at this λ.
    standardizer : maps raw features to the scale of ``coef``.
    loss : name of the loss ("multinomial", "binomial", "gaussian").
    null_loss : loss of the intercept-only model, the unit of ``gap``.
    info : further numbers, for instance ``seconds``, ``reads``, ``certified_zeros``.
    """

    lambda_: float
    coef: Tensor
    intercept: Tensor
    objective: float
    gap: float
    kkt: float
    status: Status
    n_iter: int
    standardizer: Standardizer
    loss: str
    null_loss: float
    info: Mapping[str, float] = field(default_factory=dict)

    @property
    def nonzeros(self) -> int:
        """Number of weights that are not exactly zero."""
        return int((self.coef != 0).sum())

    @property
    def density(self) -> float:
        """Nonzeros over all weights."""
        return self.nonzeros / max(self.coef.numel(), 1)

    @property
    def features_per_class(self) -> float:
        """Mean over classes of the number of nonzero weights."""
        return self.nonzeros / max(self.coef.shape[1], 1)

    @property
    def features_used(self) -> int:
        """Number of distinct features with a nonzero weight in any class."""
        return int((self.coef != 0).any(1).sum())

    def raw(self) -> tuple[Tensor, Tensor]:
        """The equivalent (coef, intercept) on raw features."""
        return self.standardizer.to_raw(self.coef, self.intercept)

    def decision(self, features: Tensor) -> Tensor:
        """(n, k) linear predictor of raw features (n, p)."""
        z = self.standardizer.transform(features)
        return z @ self.coef.to(z) + self.intercept.to(z)

    def raise_if_failed(self) -> Solution:
        """Self, or `NotConvergedError` if the tolerance was not met."""
        if not self.status.ok:
            raise NotConvergedError(
                f"λ={self.lambda_:.6g} did not converge: {self.status.name}",
                got=f"gap {self.gap:.3g} of the null loss",
                fix=self.status.value,
            )
        return self


class RegularizationPath(Sequence[Solution]):
    """Solutions from the largest λ to the smallest.

    A path records every outcome; it never raises because one λ did not converge. ``stopped`` says why it ended
    before the last λ that was asked for ("" if it did not).
    """

    def __init__(self, solutions: Sequence[Solution], stopped: str = "") -> None:
        self._solutions = tuple(solutions)
        self.stopped = stopped

    @overload
    def __getitem__(self, index: int) -> Solution: ...
    @overload
    def __getitem__(self, index: slice) -> RegularizationPath: ...
    def __getitem__(self, index: int | slice) -> Solution | RegularizationPath:
        if isinstance(index, slice):
            return RegularizationPath(self._solutions[index], self.stopped)
        return self._solutions[index]

    def __len__(self) -> int:
        return len(self._solutions)

    def __iter__(self) -> Iterator[Solution]:
        return iter(self._solutions)

    @property
    def lambdas(self) -> Tensor:
        """(len,) float64 tensor of λ's."""
        return torch.tensor([s.lambda_ for s in self], dtype=torch.float64)

    @property
    def coef(self) -> Tensor:
        """(len, p, k) tensor of all weights."""
        return torch.stack([s.coef for s in self])

    @property
    def worst_gap(self) -> float:
        """The largest certified gap on the path."""
        return max((s.gap for s in self), default=0.0)

    def statuses(self) -> dict[Status, int]:
        """How many λ's ended in each way."""
        counts: dict[Status, int] = {}
        for s in self:
            counts[s.status] = counts.get(s.status, 0) + 1
        return counts

    def __repr__(self) -> str:
        if not len(self):
            return "RegularizationPath(empty)"
        outcome = ", ".join(f"{n} {s.name}" for s, n in self.statuses().items())
        return (
            f"RegularizationPath({len(self)} λ's from {self[0].lambda_:.3g} to {self[-1].lambda_:.3g}; "
            f"{outcome}; worst gap {self.worst_gap:.1e})"
        )
