"""Some of a model's weights as one vector, and what its B does to them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from clearhead.glm.solvers.model import Model

__all__ = ["Entries"]


class Entries:
    """The weights of ``model`` where ``used`` (a, width) says so, as vectors (u,), row by row: what conjugate gradients
    move, while all others are zero."""

    def __init__(self, model: Model, used: Tensor) -> None:
        self.model, self.shape = model, used.shape
        # numpy finds them several times as fast
        self._places = torch.from_numpy(np.flatnonzero(used.contiguous().numpy()))
        self.left, self.right = (t.flatten(1).index_select(1, self._places) for t in (model.left, model.right))
        self.diagonal = self.pick(model.diagonal)

    def pick(self, values: Tensor) -> Tensor:
        """(u,) of values (a, width)."""
        return values.flatten().index_select(0, self._places)

    def written(self, x: Tensor) -> Tensor:
        """(a, width) with zeros elsewhere."""
        return x.new_zeros(self.shape).flatten().index_copy_(0, self._places, x).view(self.shape)

    def bent(self, x: Tensor) -> Tensor:
        """(u,) of B times x (u,)."""
        return self.pick(self.model.turned(self.written(x))).sub_((self.right @ x) @ self.left)
