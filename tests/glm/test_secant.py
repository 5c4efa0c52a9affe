"""The secant memory against the formula it stands for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clearhead.glm.solvers.secant import SecantMemory

P, WIDTH, OUTPUTS, SIZE = 6, 8, 3, 4


def bfgs(B: Tensor, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """B after BFGS updates one by one."""
    for s, y in pairs:
        bent = B @ s
        B = B - torch.outer(bent, bent) / (s @ bent) + torch.outer(y, y) / (s @ y)
    return B


@pytest.mark.parametrize("learnt", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("subset", [False, True])
def test_the_correction_is_that_of_the_last_pairs_one_by_one(learnt: int, subset: bool) -> None:
    """Also after the oldest pairs were replaced, and restricted to some features of a matrix of all."""
    generator = torch.Generator().manual_seed(learnt)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    memory, pairs = SecantMemory(SIZE, OUTPUTS), []
    rows = draw(50, P)
    gram = rows.T @ rows / 50
    S = torch.zeros(WIDTH, WIDTH, dtype=torch.float64)
    mixed = draw(20, OUTPUTS)
    S[:OUTPUTS, :OUTPUTS] = mixed.T @ mixed / 20
    H = 1.3 * torch.kron(gram, S[:OUTPUTS, :OUTPUTS]) + 0.1 * torch.eye(P * OUTPUTS, dtype=torch.float64)
    features = torch.tensor([0, 2, 5]) if subset else torch.arange(P)
    for number in range(learnt):
        s = torch.zeros(P, WIDTH, dtype=torch.float64)
        s[:, :OUTPUTS] = draw(P, OUTPUTS)
        y = torch.zeros_like(s)
        y[:, :OUTPUTS] = (H @ s[:, :OUTPUTS].reshape(-1)).view(P, OUTPUTS)
        memory.add(s, y)
        pairs.append((s[:, :OUTPUTS].reshape(-1), y[:, :OUTPUTS].reshape(-1)))
        if number % 2:
            memory.correction(gram, features, S)  # what is kept from one call to the next
    left, right = memory.correction(gram, features, S)
    expected = bfgs(torch.kron(gram, S[:OUTPUTS, :OUTPUTS]), pairs[-SIZE:]).view(P, OUTPUTS, P, OUTPUTS)
    expected = expected[features][:, :, features]
    whole = torch.kron(gram, S).view(P, WIDTH, P, WIDTH)[features][:, :, features]
    whole = whole - torch.einsum("mac,mbd->acbd", left, right)
    torch.testing.assert_close(whole[:, :OUTPUTS, :, :OUTPUTS], expected, rtol=1e-8, atol=1e-8)


def test_another_gram_matrix_is_noticed() -> None:
    generator = torch.Generator().manual_seed(0)
    memory, S = SecantMemory(SIZE, OUTPUTS), torch.eye(WIDTH, dtype=torch.float64)
    s = torch.randn(P, WIDTH, generator=generator, dtype=torch.float64)
    s[:, OUTPUTS:] = 0
    memory.add(s, s)
    one = torch.eye(P, dtype=torch.float64)
    first = memory.correction(one, torch.arange(P), S)[0].clone()
    second = memory.correction(2 * one, torch.arange(P), S)[0]
    assert torch.allclose(second[0], 2 * first[0])


def test_a_gram_matrix_of_some_features_restricts_the_pairs() -> None:
    """What there is of matrices beyond 4,096 features: pairs are known on the working set alone."""
    generator = torch.Generator().manual_seed(5)
    features, S = torch.tensor([1, 3, 4]), torch.zeros(WIDTH, WIDTH, dtype=torch.float64)
    S[:OUTPUTS, :OUTPUTS] = torch.eye(OUTPUTS, dtype=torch.float64)
    rows = torch.randn(50, P, generator=generator, dtype=torch.float64)[:, features]
    gram, pairs = rows.T @ rows / 50, []
    few, all_of_them = SecantMemory(SIZE, OUTPUTS), SecantMemory(SIZE, OUTPUTS)
    for _ in range(6):
        s = torch.zeros(P, WIDTH, dtype=torch.float64)
        s[features, :OUTPUTS] = torch.randn(3, OUTPUTS, generator=generator, dtype=torch.float64)
        pairs.append((s, 1.5 * s))
        few.add(*pairs[-1])
        all_of_them.add(s[features], 1.5 * s[features])
    found = few.correction(gram, features, S)
    expected = all_of_them.correction(gram, torch.arange(3), S)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
