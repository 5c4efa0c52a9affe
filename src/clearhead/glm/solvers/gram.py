"""The Gram matrix that a solver works with: of the features asked for so far, under the rows' weights or others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clearhead.glm.design import Design
from clearhead.glm.room import WHOLE_GRAM

__all__ = ["GramStore"]

MULTIPLY_ADDS = 1e11  # of a whole matrix that is worth having again under other weights


@dataclass(eq=False)
class GramStore:
    """Σᵢ uᵢ (zᵢ − z̄)(zᵢ − z̄)ᵀ / n of the ``known`` features (a,), in ``stored`` (a, a).

    ``design`` has the row weights u. ``mean`` (p,) is z̄ under them, None for zero. With ``whole`` all features
    are learnt at the first call.
    """

    design: Design
    whole: bool
    known: Tensor
    stored: Tensor
    mean: Tensor | None = None

    @classmethod
    def of(cls, design: Design, whole: bool) -> GramStore:
        device = design.device
        known = torch.zeros(0, dtype=torch.int64, device=device)
        stored = torch.zeros(0, 0, dtype=design.dtype, device=device)
        return cls(design, whole and design.shape[1] <= WHOLE_GRAM, known, stored)

    def shared(self, design: Design) -> GramStore:
        """For a solver of the same rows under other weights, with this matrix as its model."""
        return replace(self, design=design)

    def under(self, weight: Tensor, centred: bool) -> GramStore:
        """The matrix under row weights (n,) of mean 1, of whose features nothing is known yet; ``centred`` under them,
        as an intercept asks for."""
        design = self.design.reweighted(weight.to(self.design.dtype))
        fresh = GramStore.of(design, self.whole and design.work * design.shape[1] <= MULTIPLY_ADDS)
        if not centred:
            return fresh
        ones = torch.ones(len(weight), 1, dtype=design.dtype, device=design.device)
        return replace(fresh, mean=design.against(ones, 1)[:, 0].to(design.dtype))

    @property
    def complete(self) -> bool:
        """Whether all features are known."""
        return len(self.known) == self.design.shape[1]

    def matrix(self, features: Tensor) -> Tensor:
        """(a, a) of these features; what is missing is learnt."""
        position = torch.full((self.design.shape[1],), -1, dtype=torch.int64, device=self.known.device)
        position[self.known] = torch.arange(len(self.known), device=self.known.device)
        candidates = torch.arange(len(position), device=position.device) if self.whole else features
        new = candidates[position[candidates] < 0]
        if len(new):
            position[new] = torch.arange(len(self.known), len(self.known) + len(new), device=new.device)
            self._learn(new)
        place = position[features]
        same = torch.equal(place, torch.arange(len(self.known), device=place.device))
        return self.stored if same else self.stored[place[:, None], place]

    def _learn(self, new: Tensor) -> None:
        old, known = len(self.known), torch.cat([self.known, new])
        columns = self.design.gram(known, new) if old else self.design.gram(new, new)
        if self.mean is not None:
            columns -= torch.outer(self.mean[known], self.mean[new])
        stored = torch.empty(len(known), len(known), dtype=columns.dtype, device=columns.device)
        stored[:old, :old] = self.stored
        stored[:, old:] = columns
        stored[old:, :old] = columns[:old].T
        self.known, self.stored = known, stored
