"""What earlier steps taught about the Hessian: a limited-memory BFGS correction of the Gram-space model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.products import padded, product
from clearhead.glm.solvers.model import through

__all__ = ["SecantMemory"]

FLATTEST = 1e-7  # pairs whose curvature is smaller than this share of |s||y| are rounding, not information


class SecantMemory:
    """Pairs (s, y): a step of the weights and the change of the loss's gradient it caused, both (p, width).

    The Hessian of the loss varies slowly along the path, so pairs are kept from one λ to the next. With B₀ = G ⊗ S,
    the compact form (Byrd, Nocedal and Schnabel 1994, eq. 3.5) is B = B₀ − Φ M⁻¹ Φᵀ with Φ = [B₀s₁ … y₁ …].
    A new pair takes the place of the oldest: nothing is moved, and M is put into the pairs' order.
    """

    def __init__(self, size: int, outputs: int) -> None:
        self.size, self.outputs = size, outputs
        self.count = 0  # pairs learnt so far
        self._steps = torch.empty(0)  # (size, p, width)
        self._left = torch.empty(0)  # (2·size, p, width): B₀s and y of each pair by turns
        self._gram: Tensor | None = None
        self._bent = torch.empty(0)  # that matrix times each step, (size, a, width)
        self._known = 0  # pairs of which that is there

    def __len__(self) -> int:
        return min(self.count, self.size)

    def add(self, step: Tensor, change: Tensor) -> None:
        """Learn one pair (p, width); pairs without positive curvature are left out."""
        curvature = float((step * change).sum())
        if curvature <= FLATTEST * float(step.norm()) * float(change.norm()):
            return
        if not self.count:
            self._steps, self._left = (step.new_zeros(m * self.size, *step.shape) for m in (1, 2))
        place = self.count % self.size
        self._steps[place], self._left[2 * place + 1] = step, change
        self.count += 1

    def rescale(self, ratio: Tensor) -> None:
        """Weights are multiplied by (p, width) from now on."""
        if self.count:
            self._steps *= ratio
            self._left[1::2] /= ratio
        self._gram = None

    def correction(self, gram: Tensor, features: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """(L, R), each (m, a, width), with B = G ⊗ S − Σᵣ Lᵣ⟨Rᵣ, ·⟩ on the listed features.

        ``gram`` is the Gram matrix of all features in order, (p, p), whose B is then restricted, or of the listed ones,
        (a, a); S the mean curvature, (width, width) or its diagonal.
        """
        m = len(self)
        if not m:
            empty = torch.zeros(1, len(features), S.shape[-1], dtype=gram.dtype, device=gram.device)
            return empty, empty.clone()
        steps, left = self._steps[:m], self._left[: 2 * m]
        if len(gram) < steps.shape[1]:
            steps, left = steps[:, features], left[:, features]
        left[0::2] = through(self._through(gram, steps), S)
        middle = self._middle(steps, left).to(left)
        left = left if left.shape[1] == len(features) else left[:, features]
        return left, (middle @ left.flatten(1)).view_as(left)

    def _through(self, gram: Tensor, steps: Tensor) -> Tensor:
        """(m, a, width) G·s of each step; outputs that only pad it are left out where that is cheaper."""
        if gram is not self._gram:
            self._gram, self._known = gram, max(0, self.count - self.size)
            self._bent = steps.new_zeros(self.size, *steps.shape[1:])
        for number in range(max(self._known, self.count - self.size), self.count):
            place = number % self.size
            moved = product(gram, steps[place, :, : self.outputs].contiguous())
            self._bent[place] = padded(moved, steps.shape[2])
        self._known = self.count
        return self._bent[: len(steps)]

    def _middle(self, steps: Tensor, left: Tensor) -> Tensor:
        """M⁻¹ (2m, 2m) in float64, in the order of ``left``."""
        m = len(steps)
        order = np.arange(self.count - m, self.count) % self.size  # the oldest first
        products = (left.flatten(1) @ steps.flatten(1).T).double().cpu().numpy()[:, order]
        inner, mixed = products[2 * order], products[2 * order + 1].T
        lower, diagonal = np.tril(mixed, -1), np.diag(mixed.diagonal())
        whole = np.block([[inner, lower], [lower.T, -diagonal]])
        scale = 1 / np.sqrt(np.maximum(np.abs(whole.diagonal()), 1e-300))
        balanced = scale[:, None] * (whole + whole.T) / 2 * scale
        inverse = scale[:, None] * np.linalg.pinv(balanced, rcond=1e-10, hermitian=True) * scale
        back = np.concatenate([2 * order, 2 * order + 1]).argsort()
        return torch.from_numpy(inverse[back[:, None], back])
