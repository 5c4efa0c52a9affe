"""The compiled products for every remainder of rows, features and outputs, and a point certified at another λ."""

from __future__ import annotations

import pytest
import torch

from clearhead.glm import ElasticNet, Multinomial
from clearhead.glm.certificate import certify, renewed
from clearhead.glm.kernels.products import against, times
from clearhead.glm.problem import Problem


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [1, 7, 8, 33, 77])
@pytest.mark.parametrize(("k", "width"), [(1, 8), (2, 8), (3, 8), (8, 8), (10, 16), (16, 16)])
def test_products_for_every_remainder(dtype: torch.dtype, p: int, k: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    Z = torch.randn(70, p, generator=generator, dtype=dtype)
    W = torch.randn(p, k, generator=generator, dtype=dtype)
    out = torch.zeros(70, width, dtype=dtype)
    times(Z, W, out)
    torch.testing.assert_close(out[:, :k], Z @ W, rtol=1e-5, atol=1e-5)
    assert not out[:, k:].any()
    torch.testing.assert_close(against(Z, out, k), (Z.T @ out[:, :k]).double(), rtol=1e-4, atol=1e-4)


def test_a_point_at_another_lambda_needs_no_read() -> None:
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(60, 12, generator=generator, dtype=torch.float64)
    problem = Problem.build(X, torch.arange(60) % 3, Multinomial())
    penalty = ElasticNet(0.9)
    W = 0.1 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    logits, start = problem.logits(W), problem.null[0]
    first = certify(problem, penalty, 0.2, W, logits, start)
    reads = problem.design.reads
    found = renewed(problem, penalty, 0.1, first, 0.0, None)
    assert problem.design.reads == reads
    again = certify(problem, penalty, 0.1, W, logits, start)
    assert found.objective == pytest.approx(again.objective, rel=1e-12)
    assert found.dual == pytest.approx(again.dual, rel=1e-12)
    assert found.kkt == pytest.approx(again.kkt, rel=1e-9)
