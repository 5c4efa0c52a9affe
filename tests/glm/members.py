"""The table of members that the whole grid is tested on: a new loss, penalty or solver is one line here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from clearhead.core.seeds import torch_generator
from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty

LOSSES: dict[str, tuple[Loss, Callable[[Tensor], Tensor]]] = {
    "multinomial": (Multinomial(), lambda Z: Z.argmax(1)),
    "soft": (Multinomial(), lambda Z: Z.softmax(1)),
    "binomial": (Binomial(), lambda Z: (Z[:, 0] > Z[:, 0].median()).long()),
    "labels": (Binomial(), lambda Z: (Z.median(0).values < Z).long()),
    "gaussian": (Gaussian(), lambda Z: Z[:, 0]),
    "responses": (Gaussian(), lambda Z: Z),
}
PENALTIES: dict[str, Penalty] = {
    "elastic net": ElasticNet(0.9),
    "lasso": ElasticNet(1.0),
    "ridge": ElasticNet(0.0),
    "nonnegative": ElasticNet(0.9, nonnegative=True),
    "grouped": GroupElasticNet(0.9),
    "grouped nonnegative": GroupElasticNet(0.9, nonnegative=True),
}
SOLVERS = ("prox_newton", "fista", "saga")
DTYPES = (torch.float64, torch.float32)


def data(n: int = 60, p: int = 12, k: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(n, p) correlated features in float64 with a duplicated and a constant column, and (n, k) noisy scores."""
    generator = torch_generator(seed, "members", n, p, k)
    X = torch.randn(n, p, generator=generator, dtype=torch.float64)
    X += 0.7 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    X[:, -1], X[:, -2] = X[:, 0], 3.0
    W = torch.randn(p, k, generator=generator, dtype=torch.float64)
    return X, X @ W + torch.randn(n, k, generator=generator, dtype=torch.float64)
