"""Conjugate directions of A(A + ρ)/ρ on some weights, with what A makes of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Directions"]

LOST = 1e-8  # share of a squared direction that the others leave, below which it is rounding
JITTER = 1e-7  # of the mean diagonal, added where directions are made conjugate again


class Directions:
    """d and A·d in the rows of ``D`` and ``Q`` (most, size), of which ``count`` are in use, such that
    ⟨A·d, w·A·d'⟩ + ⟨d, A·d'⟩ is 1 for d = d', else 0; ``weight`` w (size,) is 1/ρ, or 0 where A·d is free."""

    def __init__(self, most: int, size: int, dtype: torch.dtype) -> None:
        self.D, self.Q = (torch.empty(most, size, dtype=dtype) for _ in range(2))
        self.count = 0
        self.weight = torch.zeros(size, dtype=dtype)

    @property
    def full(self) -> bool:
        return self.count == len(self.D)

    def weigh(self, weight: Tensor) -> None:
        """Be conjugate under another ``weight``."""
        D, Q = self.D[: self.count], self.Q[: self.count]
        if self.count and not torch.equal(weight, self.weight):
            N = ((Q * weight) @ Q.T + D @ Q.T).double()
            N = (N + N.T) / 2
            N.diagonal().add_(JITTER * N.diagonal().mean())
            factor, failed = torch.linalg.cholesky_ex(N)
            if int(failed):
                self.count = 0
            else:
                factor = factor.to(D)
                for values in (D, Q):
                    values.copy_(torch.linalg.solve_triangular(factor, values, upper=False))
        self.weight = weight

    def add(self, d: Tensor, q: Tensor) -> bool:
        """Take d and q = A·d up; False if the others leave nothing of it."""
        D, Q = self.D[: self.count], self.Q[: self.count]
        length = self._length(d, q)
        for _ in range(2):  # twice is enough (Kahan)
            share = Q @ (self.weight * q + d)
            d, q = torch.addmv(d, D.T, share, alpha=-1), torch.addmv(q, Q.T, share, alpha=-1)
        size = self._length(d, q)
        if not (math.isfinite(size) and size > LOST * length):
            return False
        self.D[self.count], self.Q[self.count] = d / size**0.5, q / size**0.5
        self.count += 1
        return True

    def steps(self, residual: Tensor, U: Tensor, since: int) -> tuple[Tensor, Tensor]:
        """The step, and A times it, that takes ‖residual + A·step‖² under the weight, and the A-norm of U + step, to
        their least sum, along the directions from number ``since`` on."""
        D, Q = self.D[since : self.count], self.Q[since : self.count]
        share = Q @ (self.weight * residual + U)
        return -(D.T @ share), -(Q.T @ share)

    def _length(self, d: Tensor, q: Tensor) -> float:
        return float(q @ (self.weight * q) + d @ q)
