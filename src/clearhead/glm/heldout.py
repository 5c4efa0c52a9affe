"""What a path asks beside its certificates: whether held-out rows still gain, and whether the classes separate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from clearhead.core.errors import DataError
from clearhead.glm.losses import Loss
from clearhead.glm.problem import Problem
from clearhead.glm.select import decisions
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.glm.targets import Labels

__all__ = ["HeldOut", "separates"]


class HeldOut:
    """The mean loss on held-out rows X (m, p), y (labels (m,) or targets (m, k)) along a path."""

    def __init__(self, X: Any, y: Any, loss: Loss, outputs: int) -> None:
        values = torch.as_tensor(y if isinstance(y, Tensor) else np.asarray(y)).cpu()
        labels = values.ndim == 1 and outputs > 1
        self.targets = one_hot(values.long(), outputs).double() if labels else values.double().view(len(values), -1)
        self.X, self.loss = X, loss
        self.best, self.idle = math.inf, 0

    def see(self, solution: Solution) -> None:
        """Count the λ's since the loss was lowest."""
        Z = decisions(RegularizationPath([solution]), self.X)[:, 0]
        if Z.shape != self.targets.shape:
            raise DataError("validation targets do not match", got=tuple(self.targets.shape), expected=tuple(Z.shape))
        value = float(self.loss.rows(Z, self.targets).mean())
        self.best, self.idle = (value, 0) if value < self.best else (self.best, self.idle + 1)


def separates(problem: Problem, solution: Solution) -> bool:
    """Whether ``solution`` puts every row on its own side, which proves that without a penalty no optimum exists."""
    targets = problem.targets
    if problem.loss.name == "gaussian":
        return False
    hard = isinstance(targets, Labels) or bool(((targets == 0) | (targets == 1)).all())
    logits = problem.logits(solution.coef.to(problem.device))
    theta = problem.arrays.written_residual(problem.fit(logits, solution.intercept.to(problem.device)).theta)
    if not hard or theta is None:  # where rows × outputs are not held, nothing is proven
        return False
    sure = (theta[:, : problem.n_outputs].abs() < 0.5) | (problem.weight == 0)[:, None]
    return bool(sure.all() if problem.loss.shift_invariant else sure.all(0).any())
