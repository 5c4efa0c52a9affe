"""Every form of a design gives the products of the dense one, and the path of the dense one."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from tests.glm.members import data

from clearhead.core.rows import TensorRows, read_ahead
from clearhead.core.scaling import Standardizer
from clearhead.glm import Multinomial, SolveOptions, fit_path
from clearhead.glm.designs import DenseDesign, StreamedDesign
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Whole


@pytest.mark.parametrize("spare", [0, 20_000, 10_000_000])
def test_a_streamed_design_multiplies_as_the_dense_one(spare: int) -> None:
    X, _ = data(700, 20, 3)
    rows, weight = TensorRows(X), torch.rand(700, dtype=torch.float64) + 0.5
    scaler = Standardizer.fit(rows, weight)
    dense = DenseDesign.build(rows, scaler, weight, 700.0, "cpu")
    streamed = StreamedDesign(rows, scaler, weight, 700.0, "cpu", spare)
    W, T = torch.randn(20, 3).double(), torch.randn(700, 8).double()
    few = torch.tensor([1, 4, 7])
    for part, whole in ((streamed, dense), (streamed.narrowed(few), dense.narrowed(few))):
        V = W[: part.shape[1]]
        assert torch.allclose(part.times(V), whole.times(V), atol=1e-10)
        assert torch.allclose(part.against(T, 3), whole.against(T, 3), atol=1e-10)
        every = torch.arange(part.shape[1])
        assert torch.allclose(part.gram(every, every), whole.gram(every, every), atol=1e-10)


@pytest.mark.parametrize(
    ("dtype", "features", "memory"), [(torch.float64, 200, 3_700_000), (torch.float16, 40, 650_000)]
)
def test_a_small_budget_gives_the_same_path_with_few_reads(dtype: torch.dtype, features: int, memory: int) -> None:
    X, scores = data(1500, features, 4)
    stored, y = X.to(dtype), scores.argmax(1)
    whole = fit_path(stored, y, n_lambdas=6, lambda_min_ratio=0.05, tol=1e-5)
    small = fit_path(stored, y, n_lambdas=6, lambda_min_ratio=0.05, tol=1e-5, options=SolveOptions(memory=memory))
    problem = Problem.build(stored, y, Multinomial(), options=SolveOptions(memory=memory))
    assert isinstance(problem.arrays, Whole)
    assert isinstance(problem.design, StreamedDesign)
    for a, b in zip(whole, small, strict=True):
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 2e-5 * a.null_loss


@pytest.mark.parametrize("memory", [None, 1])
def test_a_problem_that_is_dropped_leaves_memory_at_once(memory: int | None) -> None:
    """Out of core the kept features are replaced many times along a path; two sets of them do not fit."""
    X, scores = data(300, 12, 3)
    part = Problem.build(X, scores.argmax(1), Multinomial(), options=SolveOptions(memory=memory)).narrowed(
        torch.arange(5)
    )
    logits = part.logits(torch.zeros(5, 3, dtype=torch.float64))
    part.slope(part.solve_intercept(logits, torch.zeros(3, dtype=torch.float64), keep=True)[1].theta)
    seen = weakref.ref(part.design)
    gc.disable()
    try:
        del part, logits
        assert seen() is None
    finally:
        gc.enable()


def test_an_error_of_the_reading_thread_is_raised_here() -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(read_ahead(broken()))
