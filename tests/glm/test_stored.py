"""Half-precision rows and eight-bit codes multiplied as they are: as exact as the widened rows, in every product."""

from __future__ import annotations

import pytest
import torch
from scipy.sparse import csr_matrix
from tests.glm.members import data
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.quantized import QuantizedRows, quantize
from clearhead.core.rows import Rows, TensorRows
from clearhead.core.scaling import Standardizer
from clearhead.glm import Multinomial, SolveOptions, fit_path
from clearhead.glm.designs import DenseDesign, StoredDesign, StreamedDesign
from clearhead.glm.intercept import InterceptSolver
from clearhead.glm.problem import Problem
from clearhead.glm.split import split_product, split_transposed

KINDS = ["float16", "bfloat16", "float8"]


def stored(X: Tensor, kind: str) -> Rows:
    return quantize(X) if kind == "float8" else TensorRows(X.to(getattr(torch, kind)))


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the forms for tensor cores on a CPU, where their products are float32."""
    for module in ("block", "designs"):
        monkeypatch.setattr(f"clearhead.glm.{module}.tensor_cores", lambda device: True)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-12, 1.0, 3e7])
def test_terms_in_half_precision_lose_no_more_than_float32_does(kind: torch.dtype, size: float) -> None:
    raw, W, T = torch.randn(500, 30).to(kind), size * torch.randn(30, 4), size * torch.randn(500, 4) ** 5
    shift = size * torch.randn(4)
    exact = raw.double() @ W.double() + shift.double()
    assert float((split_product(raw, W, shift) - exact).abs().max()) < 4e-6 * float(exact.abs().max())
    exact = raw.double().T @ T.double()
    assert float((split_transposed(raw, T) - exact).abs().max()) < 4e-6 * float(exact.abs().max())


def test_zero_columns_are_zero() -> None:
    assert not split_product(torch.ones(3, 2).half(), torch.zeros(2, 4), torch.zeros(4)).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [1, 3, 20])
def test_a_stored_design_multiplies_as_the_dense_one(
    kind: str, outputs: int, halves: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearhead.glm.designs.stored.TALL", 128)
    monkeypatch.setattr("clearhead.glm.designs.stored.WRITTEN", 4 * 20 * 300)
    X, _ = data(700, 20, 3)
    rows, weight = stored(5 * X + 3, kind), torch.rand(700, dtype=torch.float64) + 0.5
    scaler = Standardizer.fit(rows, weight)
    dense = DenseDesign.build(rows, scaler, weight, 700.0, "cpu")
    other = StoredDesign.build(rows, scaler, weight, 700.0, "cpu")
    every, few, some = torch.arange(20), torch.tensor([1, 4, 7]), torch.tensor([3, 699, 0])
    for part, whole in ((other, dense), (other.narrowed(few), dense.narrowed(few))):
        W = torch.randn(part.shape[1], outputs)
        T = torch.zeros_like(whole.times(W))
        T[:, :outputs] = torch.rand(700, outputs)
        assert torch.allclose(part.times(W), whole.times(W), atol=3e-5)
        assert torch.allclose(part.against(T, outputs), whole.against(T, outputs), atol=3e-6)
        assert torch.allclose(part.row_norms(), whole.row_norms(), rtol=1e-4)
        assert torch.allclose(part.mean_squares(), whole.mean_squares(), rtol=1e-5)
        assert torch.allclose(part.rows(some), whole.rows(some), atol=1e-5)
    assert torch.allclose(other.gram(every, few), dense.gram(every, few), atol=1e-5)
    halved = torch.rand(700, dtype=torch.float64)
    assert torch.allclose(
        other.reweighted(halved).gram(every, every), dense.reweighted(halved).gram(every, every), atol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_path_of_stored_rows_is_that_of_the_widened_ones(kind: str, halves: None) -> None:
    X, scores = data(900, 24, 4)
    rows, y = stored(X, kind), scores.argmax(1)
    problem = Problem.build(rows, y, Multinomial())
    assert isinstance(problem.design, StoredDesign)
    assert problem.design.raw.element_size() == (1 if kind == "float8" else 2)
    found = fit_path(rows, y, n_lambdas=8, lambda_min_ratio=0.01, tol=1e-5)
    widened = torch.cat([block.double() for _, block in rows.blocks()])
    exact = fit_path(widened, y, lambdas=[s.lambda_ for s in found], tol=1e-9)
    for a, b in zip(found, exact, strict=True):
        assert a.status.ok
        assert a.objective - b.objective <= 1.2e-5 * a.null_loss


@pytest.mark.parametrize("far", [False, True])
def test_float32_rows_of_many_outputs_are_multiplied_where_they_are(far: bool) -> None:
    """Unless their means are so many deviations from zero that to take their share off would cost digits."""
    X, _ = data(900, 24, 3)
    X = (X + (200 if far else 3)).float()
    y = torch.cat([torch.arange(70), torch.randint(70, (830,), generator=torch.Generator().manual_seed(0))])
    problem = Problem.build(X, y, Multinomial())
    assert isinstance(problem.design, DenseDesign if far else StoredDesign)
    assert isinstance(Problem.build(X, y % 10, Multinomial()).design, DenseDesign)
    if isinstance(problem.design, StoredDesign):
        assert problem.design.raw.data_ptr() == X.data_ptr()
    exact = Problem.build(X.double(), y, Multinomial()).design
    W, T = torch.randn(24, 70), torch.rand(900, 70)
    for outputs in (slice(0, 70), slice(0, 3)):
        V, R = W[:, outputs], T[:, outputs] if outputs.stop == 70 else torch.nn.functional.pad(T[:, outputs], (0, 5))
        close = 2e-4 if far else 2e-5  # the standardised rows themselves are known to as much
        torch.testing.assert_close(
            problem.design.times(V)[:, : V.shape[1]].double(),
            exact.times(V.double())[:, : V.shape[1]],
            rtol=0,
            atol=close,
        )
        torch.testing.assert_close(
            problem.design.against(R.contiguous(), V.shape[1]),
            exact.against(R.double(), V.shape[1]),
            rtol=0,
            atol=close,
        )
    found = fit_path(X, y, n_lambdas=5, lambda_min_ratio=0.1, tol=1e-4)
    for solution, other in zip(
        found, fit_path(X.double(), y, lambdas=[s.lambda_ for s in found], tol=1e-8), strict=True
    ):
        assert solution.status.ok
        assert solution.objective - other.objective <= 1.2e-4 * solution.null_loss


def test_a_missing_value_code_is_a_constant_feature_for_many_outputs_too() -> None:
    """Summed as it is, a column of the most negative number overflows."""
    X = torch.randn(300, 6)
    X[:, 2] = torch.finfo(torch.float32).min
    y = torch.arange(300) % 70
    problem = Problem.build(X, y, Multinomial())
    assert isinstance(problem.design, DenseDesign)
    assert bool(torch.isfinite(problem.null[2]).all())


def test_a_residual_that_was_let_go_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many outputs a residual is not held beside that of a trial; where no trial descends it is needed."""
    X, y = csr_matrix(torch.randn(300, 6).numpy()), torch.arange(300) % 70
    problem = Problem.build(X, y, Multinomial())
    b = problem.null[0] + 0.1 * torch.arange(70)
    monkeypatch.setattr(InterceptSolver, "_descend", lambda self, logits, b, step, fit: (b, None))
    logits = problem.logits(torch.zeros(6, 70))
    b, fit = problem.solve_intercept(logits, b)
    torch.testing.assert_close(fit.theta, problem.fit(logits, b).theta)


def test_what_does_not_fit_beside_the_solver_streams(halves: None) -> None:
    X, scores = data(1500, 60, 4)
    options = SolveOptions(memory=500_000)
    problem = Problem.build(quantize(X), scores.argmax(1), Multinomial(), options=options)
    assert isinstance(problem.design, StreamedDesign)


def test_codes_are_the_nearest_and_their_scale_gives_them_back() -> None:
    X = torch.randn(400, 6) * torch.tensor([1e-3, 1.0, 40.0, 1e5, 0.0, 1.0])
    rows = quantize(X)
    read = torch.cat([block for _, block in rows.blocks(150)])
    assert torch.equal(read[[5, 390]], rows.take(torch.tensor([5, 390])))
    small = 2.0**-9 * rows.scale  # where the smallest codes are
    assert bool(((read - X).abs() <= X.abs() / 16 + small).all())
    assert torch.allclose(read.abs().amax(0), X.abs().amax(0), rtol=1e-6)


def test_bad_codes_and_features_are_refused() -> None:
    with pytest.raises(DataError, match="must be finite"):
        quantize(torch.tensor([[1.0, float("nan")]]))
    with pytest.raises(DataError, match="do not belong together"):
        QuantizedRows(torch.zeros(3, 2).half(), torch.ones(2))
    with pytest.raises(DataError, match="do not belong together"):
        QuantizedRows(torch.zeros(3, 2).to(torch.float8_e4m3fn), torch.ones(3))


def test_numbers_that_codes_cannot_hold_are_refused_or_zero() -> None:
    with pytest.raises(DataError, match="float32"):
        quantize(torch.tensor([[1e300, 1.0]], dtype=torch.float64))
    with pytest.raises(DataError, match="nothing to quantize"):
        quantize(torch.zeros(0, 3))
    assert torch.isfinite(quantize(torch.tensor([[1e-44, 1.0]])).take(torch.tensor([0]))).all()


def test_features_far_from_zero_stay_dense(halves: None) -> None:
    X, scores = data(300, 6, 3)
    problem = Problem.build((X + 500).float().bfloat16(), scores.argmax(1), Multinomial())
    assert isinstance(problem.design, DenseDesign)
