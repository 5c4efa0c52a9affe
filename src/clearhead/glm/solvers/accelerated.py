"""The inner solve on a GPU: gradient steps on the model as matrix products, which the host seldom waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.model import Effort, Model

__all__ = ["STEPS", "accelerate"]

STEPS = 4  # that take as long as a sweep is allowed
UNSEEN = 10  # between two looks at how far they went: each look waits for the device


def accelerate(model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort) -> Tensor:
    """FISTA with restart (O'Donoghue and Candès 2015): weights (a, k) that nearly minimise model + penalty, from
    ``start`` (a, k). Nothing but the look at every tenth step needs a number on the host."""
    size = 1.0 / max(1.01 * _largest_curvature(model), 1e-30)
    W, previous, momentum, first = start, start, start.new_ones(()), 0.0
    one = torch.ones_like(momentum)
    with _rounded_products(start.device):
        for step in range(STEPS * effort.sweeps):
            following = (1 + (1 + 4 * momentum.square()).sqrt()) / 2
            Y = W + (momentum - 1) / following * (W - previous)
            slope = model.slope - model.bent(Y - start)
            new = penalty.prox(Y + size * slope, size, lambda_, model.features)
            momentum = torch.where(((Y - new) * (new - W)).sum() > 0, one, following)
            previous, W = W, new
            if step % UNSEEN == 0:
                change = float((W - previous).abs().max())
                first = max(first, change)
                if change <= 0.1 * effort.tol * first:
                    break
    return W


@contextmanager
def _rounded_products(device: torch.device) -> Iterator[None]:
    """TF32 on a GPU: a model need not be more exact than that, for the line search and the certificate do not use
    it."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _largest_curvature(model: Model) -> float:
    """An upper bound of the model's eigenvalues: those of G ⊗ S, and what the secant pairs add at most."""
    spread = model.S.max() if model.S.ndim == 1 else torch.linalg.matrix_norm(model.S, 2)
    added = torch.linalg.eigvals(-(model.right.flatten(1) @ model.left.flatten(1).T).double().cpu()).real.max()
    return model.norm * float(spread) + max(float(added), 0.0)
