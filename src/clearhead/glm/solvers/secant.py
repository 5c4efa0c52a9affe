"""What earlier steps taught about the Hessian: a limited-memory BFGS correction of the Gram-space model."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.glm.products import product
from clearhead.glm.solvers.model import through

__all__ = ["SecantMemory"]

FLATTEST = 1e-7  # pairs whose curvature is smaller than this share of |s||y| are rounding, not information


class SecantMemory:
    """Pairs (s, y): a step of the weights and the change of the loss's gradient it caused, both (p, width).

    The Hessian of the loss varies slowly along the path, so pairs are kept from one λ to the next. With B₀ = G ⊗ S,
    the compact form (Byrd, Nocedal and Schnabel 1994, eq. 3.5) is B = B₀ − Φ M⁻¹ Φᵀ with Φ = [B₀s₁ … y₁ …].
    """

    def __init__(self, size: int, outputs: int) -> None:
        self.size, self.outputs = size, outputs
        self.steps: Tensor | None = None  # (pairs, p, width), oldest first
        self.changes: Tensor | None = None
        self._gram: Tensor | None = None
        self._through_gram: list[Tensor] = []  # that matrix times each step

    def __len__(self) -> int:
        return 0 if self.steps is None else len(self.steps)

    def add(self, step: Tensor, change: Tensor) -> None:
        """Learn one pair (p, width); pairs without positive curvature are left out."""
        curvature = float((step * change).sum())
        if curvature <= FLATTEST * float(step.norm()) * float(change.norm()):
            return
        if len(self) == self.size:
            del self._through_gram[:1]
        self.steps, self.changes = self._with(self.steps, step), self._with(self.changes, change)

    def _with(self, pairs: Tensor | None, new: Tensor) -> Tensor:
        return new[None] if pairs is None else torch.cat([pairs[max(0, len(pairs) - self.size + 1) :], new[None]])

    def correction(self, gram: Tensor, features: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """(L, R), each (m, a, width), with B = G ⊗ S − Σᵣ Lᵣ⟨Rᵣ, ·⟩ on the listed features.

        ``gram`` is the Gram matrix of all features in order, (p, p), whose B is then restricted, or of the listed ones,
        (a, a); S the mean curvature, (width, width) or its diagonal.
        """
        if self.steps is None or self.changes is None:
            empty = torch.zeros(1, len(features), S.shape[-1], dtype=gram.dtype, device=gram.device)
            return empty, empty.clone()
        steps, changes = self.steps, self.changes
        if len(gram) < steps.shape[1]:
            steps, changes = steps[:, features], changes[:, features]
        if gram is not self._gram:
            self._gram, self._through_gram = gram, []
        for s in steps[len(self._through_gram) :]:
            self._through_gram.append(self._product(gram, s))
        modelled = through(torch.stack(self._through_gram), S)
        middle = self._middle(steps, modelled, changes).to(steps)
        left = torch.cat([modelled, changes])
        left = left if left.shape[1] == len(features) else left[:, features]
        return left, (middle @ left.flatten(1)).view_as(left)

    def _product(self, gram: Tensor, step: Tensor) -> Tensor:
        """(a, width) G·s; outputs that only pad it are left out where that is cheaper."""
        moved = product(gram, step[:, : self.outputs].contiguous())
        return pad(moved, (0, step.shape[1] - moved.shape[1]))

    def _middle(self, steps: Tensor, modelled: Tensor, changes: Tensor) -> Tensor:
        """M⁻¹ (2m, 2m) in float64."""
        s, b, y = (t.flatten(1) for t in (steps, modelled, changes))
        inner, mixed = (s @ b.T).double(), (s @ y.T).double()
        lower, diagonal = torch.tril(mixed, -1), torch.diag(mixed.diagonal())
        whole = torch.cat([torch.cat([inner, lower], 1), torch.cat([lower.T, -diagonal], 1)], 0)
        scale = whole.diagonal().abs().clamp(min=1e-300).rsqrt()
        balanced = scale[:, None] * (whole + whole.T) / 2 * scale
        inverse: Tensor = torch.linalg.pinv(balanced, rtol=1e-10, hermitian=True)
        return scale[:, None] * inverse * scale
