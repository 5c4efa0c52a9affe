"""The GPU's softmax pass, run by Triton's interpreter on a CPU."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tests.glm.members import data

from clearhead.glm import fit_path
from clearhead.glm.kernels.wide_softmax import wide_softmax_pass

NAME = "clearhead.glm.kernels.triton_softmax"

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")


@pytest.fixture
def softmax_pass(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    sys.modules.pop(NAME, None)
    yield importlib.import_module(NAME).softmax_pass
    sys.modules.pop(NAME)  # on a machine with a GPU the next import compiles it


@pytest.mark.parametrize(("n", "k"), [(1, 3), (64, 17), (130, 100)])
@pytest.mark.parametrize("labelled", [True, False])
def test_it_sums_as_the_pass_on_a_cpu_does(n: int, k: int, labelled: bool, softmax_pass: Callable[..., Any]) -> None:
    Z, b, w = 4 * torch.randn(n, k), torch.randn(k).double(), torch.rand(n)
    Z[0, 0] = 80.0
    Y = torch.randint(k, (n,)) if labelled else torch.randn(n, k).softmax(1)
    theta, expected = torch.empty_like(Z), torch.empty_like(Z)
    sums, wanted = softmax_pass(Z, b, Y, w, theta), wide_softmax_pass(Z, b, Y, w, expected)
    assert abs(sums.loss - wanted.loss) <= 1e-6 * max(1.0, wanted.loss)
    assert torch.allclose(sums.probability, wanted.probability, atol=1e-5)
    assert torch.allclose(sums.squares, wanted.squares, atol=1e-5)
    assert torch.allclose(theta, expected, atol=1e-6)


def test_a_path_solved_by_it_is_certified(softmax_pass: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = data(120, 8, 18)
    y = torch.arange(120) % 18
    monkeypatch.setattr(importlib.import_module("clearhead.glm.fit"), "_softmax_pass", lambda logits, k: softmax_pass)
    found = fit_path(X.float(), y, n_lambdas=3, lambda_min_ratio=0.3, tol=1e-4)
    exact = fit_path(X.double(), y, lambdas=[s.lambda_ for s in found], tol=1e-9)
    for a, b in zip(found, exact, strict=True):
        assert a.status.ok
        assert a.objective - b.objective <= 1.1e-4 * a.null_loss
