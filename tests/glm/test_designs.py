"""Every form of a design gives the products of the dense one, and the path of the dense one."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch
from tests.glm.members import data

from clearhead.core.rows import TensorRows, read_ahead
from clearhead.core.scaling import Standardizer
from clearhead.glm import Binomial, Multinomial, SolveOptions, fit_path
from clearhead.glm.blockwise import Blockwise
from clearhead.glm.designs import DenseDesign, StreamedDesign, copies
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


@pytest.fixture
def many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gram matrix that is a model comes from every seventh row of 8,000."""
    monkeypatch.setattr("clearhead.glm.designs.streamed.ENOUGH", 1000)


@pytest.mark.parametrize(("pace", "elsewhere"), [(0.0, 0), (float("inf"), 2)])
def test_a_thread_reads_ahead_once_a_block_is_slow_to_come(
    pace: float, elsewhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AT_HAND", pace)
    makers = []

    def blocks() -> Iterator[tuple[slice, torch.Tensor]]:
        for start in range(3):
            makers.append(threading.current_thread())
            yield slice(start, start + 1), torch.full((1, 2), float(start))

    found = list(copies.blocks_ahead(blocks(), torch.device("cpu")))
    assert [float(values[0, 0]) for _, values in found] == [0, 1, 2]
    assert sum(maker is not threading.current_thread() for maker in makers) == elsewhere


@pytest.mark.parametrize("outputs", [1, 4])
def test_a_sampled_gram_matrix_takes_no_more_steps(outputs: int, many_rows: None) -> None:
    """Rows sorted by class, in memory as they are stored; with one output, too, whose matrix follows curvatures."""
    X, scores = data(8000, 12, 4)
    y = scores.argmax(1) if outputs > 1 else (scores[:, 0] > 0).long()
    order = y.argsort(stable=True)
    rows, y = X[order].half(), y[order]
    loss = Binomial() if outputs == 1 else Multinomial()
    whole = fit_path(rows, y, loss=loss, n_lambdas=10, lambda_min_ratio=0.01, tol=1e-5)
    lambdas = [s.lambda_ for s in whole]
    options = SolveOptions(memory=900_000 if outputs > 1 else 650_000)
    stored = Problem.build(rows, y, loss, options=options).design
    assert isinstance(stored, StreamedDesign)
    thin, every = stored.thinned(), torch.arange(12)
    assert thin.shape == (1143, 12)
    assert float((thin.gram(every, every) - stored.gram(every, every)).abs().mean()) < 0.05
    sampled = fit_path(rows, y, loss=loss, lambdas=lambdas, tol=1e-5, solver="prox_newton", options=options)
    assert all(s.status.ok for s in sampled)
    assert sum(s.n_iter for s in sampled) <= 2 * sum(s.n_iter for s in whole) + 10


def test_rows_that_are_not_sampled_may_have_all_the_weight(many_rows: None) -> None:
    rows, weight = TensorRows(data(8000, 5, 2)[0].half()), torch.ones(8000, dtype=torch.float64)
    weight[::7] = 0
    design = StreamedDesign(rows, Standardizer.fit(rows, weight), weight, float(weight.sum()), "cpu", 0)
    assert design.thinned() is design


@pytest.mark.parametrize("outputs", [5, 20])
def test_a_pass_is_counted_once(outputs: int) -> None:
    X, _ = data(400, 10, 3)
    y = torch.arange(400) % outputs
    problem = Problem.build(X.float(), y, Multinomial(), options=SolveOptions(memory=20_000))
    W = torch.ones(10, outputs)
    before = problem.design.reads
    problem.slope(problem.fit(problem.logits(W), torch.zeros(outputs).double()).theta)
    assert problem.design.reads - before == 2
    part = DenseDesign(X.float(), torch.ones(400), 400.0)
    arrays = Blockwise(part, Multinomial().labels(y, 400), torch.ones(400).double(), None, Multinomial())
    arrays.against(arrays.fit(arrays.logits(W), torch.zeros(outputs).double()).theta)
    assert part.reads == 2
