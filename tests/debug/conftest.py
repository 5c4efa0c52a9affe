"""Small heads and data that the tests of this floor share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from clearhead.core.scaling import Standardizer
from clearhead.glm.solution import RegularizationPath, Solution, Status
from clearhead.head import SparseHead


@pytest.fixture
def make_path() -> Callable[[list[Tensor]], RegularizationPath]:
    """A path of heads with the given (p, k) weights, on features that need no scaling."""

    def build(weights: list[Tensor], loss: str = "multinomial") -> RegularizationPath:
        p, k = weights[0].shape
        return RegularizationPath(
            [
                Solution(
                    lambda_=1.0 / (i + 1),
                    coef=w.double(),
                    intercept=torch.zeros(k).double(),
                    objective=1.0,
                    gap=1e-5,
                    kkt=0.0,
                    status=Status.Converged,
                    n_iter=1,
                    standardizer=Standardizer.identity(p),
                    loss=loss,
                    null_loss=1.0,
                )
                for i, w in enumerate(weights)
            ]
        )

    return build


@pytest.fixture
def plain_head() -> Callable[..., SparseHead]:
    """A head with the given (p, k) weights on features that need no scaling."""

    def build(weight: Tensor, intercept: Tensor | None = None, **options: object) -> SparseHead:
        zero = torch.zeros(weight.shape[1]).double()
        given = zero if intercept is None else intercept.double()
        return SparseHead(weight.double(), given, Standardizer.identity(weight.shape[0]), **options)  # type: ignore[arg-type]

    return build
