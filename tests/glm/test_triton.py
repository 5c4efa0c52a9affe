"""The GPU's softmax pass, run by Triton's interpreter on a CPU."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from clearhead.glm import Multinomial
from clearhead.glm.fit import evaluate
from clearhead.glm.kernels.wide_softmax import wide_softmax_pass
from clearhead.glm.targets import Labels

NAME = "clearhead.glm.kernels.triton_softmax"

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")


@pytest.fixture
def softmax_pass(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    sys.modules.pop(NAME, None)
    yield importlib.import_module(NAME).softmax_pass
    sys.modules.pop(NAME)  # on a machine with a GPU the next import compiles it


@pytest.mark.parametrize(("n", "k"), [(1, 3), (64, 17), (70, 100)])
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


@pytest.mark.parametrize("k", [20, 70])
def test_a_fit_by_it_is_the_one_of_a_cpu(
    k: int, softmax_pass: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the whole curvature of few outputs, and its diagonal."""
    y, weight, logits = Labels(torch.randint(k, (80,)), k), torch.rand(80), torch.randn(80, k)
    given = (Multinomial(), logits, torch.randn(k).double(), y, weight, y.weighted(weight.double()))
    expected = evaluate(*given)
    monkeypatch.setattr(importlib.import_module("clearhead.glm.fit"), "_softmax_pass", lambda logits, k: softmax_pass)
    found = evaluate(*given)
    assert found.curvature.shape == ((k, k) if k <= 64 else (k,))
    assert abs(found.loss - expected.loss) < 1e-5 * expected.loss
    for name in ("theta_mean", "curvature", "theta"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), atol=1e-5)
