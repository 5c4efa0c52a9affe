"""Sparse features: their products, moments and paths are those of the same numbers written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from tests.glm.members import LOSSES, data

from clearhead.core.errors import DataError
from clearhead.core.rows import TensorRows, as_rows, check_finite
from clearhead.core.scaling import Standardizer
from clearhead.core.sparse import SparseRows
from clearhead.glm import ElasticNet, GroupElasticNet, SolveOptions, fit, fit_path
from clearhead.glm.designs import DenseDesign, SparseDesign, StreamedDesign
from clearhead.glm.estimators import ElasticNetPathClassifier, ElasticNetPathClassifierCV
from clearhead.glm.problem import Problem
from clearhead.glm.resolve import resolve

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")


def latents(n: int = 150, p: int = 30, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Features that are mostly zero, one of them never anything else, one constant and one far from zero."""
    X, scores = data(n, p, k)
    X = X * (X.abs() > 1.1)
    X[:, 3], X[:, 4], X[:, 5] = 0.0, 2.0, X[:, 5] + 50.0
    return X, scores


FORMS = {
    "scipy csr": sparse.csr_matrix,
    "scipy csc array": sparse.csc_array,
    "scipy coo": sparse.coo_matrix,
    "torch csr": lambda X: torch.from_numpy(X).to_sparse_csr(),
    "torch csc": lambda X: torch.from_numpy(X).to_sparse_csc(),
    "torch coo": lambda X: torch.from_numpy(X).to_sparse_coo(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_read_as_the_same_rows(form: Any) -> None:
    X, _ = latents()
    rows = as_rows(form(X.numpy()))
    assert isinstance(rows, SparseRows)
    assert len(rows.values) == int((X != 0).sum())
    assert torch.equal(torch.cat([block for _, block in rows.blocks(40)]), X)
    order = torch.tensor([7, 7, 0, 149])
    assert torch.equal(rows.take(order), X[order])
    assert torch.equal(rows.transposed().dense(), X.T)


def test_entries_of_one_place_are_added_up_and_integers_are_numbers() -> None:
    twice = sparse.coo_matrix((np.array([1, 2, 4]), ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    rows = as_rows(twice)
    assert rows.dtype is torch.float64
    assert rows.take(torch.arange(2)).tolist() == [[0, 3], [4, 0]]


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_products_are_those_of_the_dense_design(standardize: bool, weighted: bool) -> None:
    X, _ = latents()
    weight = torch.rand(150, dtype=torch.float64) + 0.5 if weighted else torch.ones(150).double()
    weight, rows = weight / weight.mean(), as_rows(sparse.csr_array(X.numpy()))
    scaler = Standardizer.fit(rows, weight)
    expected = Standardizer.fit(TensorRows(X), weight)
    assert torch.allclose(scaler.mean, expected.mean, atol=1e-12)
    assert torch.allclose(scaler.scale, expected.scale, atol=1e-12)
    scaler = scaler if standardize else Standardizer.identity(30)
    assert isinstance(rows, SparseRows)
    dense = DenseDesign.build(TensorRows(X), scaler, weight, 150.0, "cpu")
    thin = SparseDesign.build(rows, scaler, weight, 150.0, "cpu")
    few, other = torch.tensor([1, 4, 5, 20]), torch.rand(150, dtype=torch.float64)
    W, T = torch.randn(30, 3).double(), torch.randn(150, 8).double()
    pairs = [
        (thin, dense),
        (thin.narrowed(few), dense.narrowed(few)),
        (thin.reweighted(other), dense.reweighted(other)),
    ]
    for part, whole in pairs:
        p = whole.shape[1]
        assert part.shape == whole.shape
        assert torch.allclose(part.times(W[:p]), whole.times(W[:p]), atol=1e-10)
        assert torch.allclose(part.against(T, 3), whole.against(T, 3), atol=1e-10)
        some = torch.tensor([0, 2, 3])
        assert torch.allclose(part.gram(some, torch.arange(p)), whole.gram(some, torch.arange(p)), atol=1e-8)
        assert torch.allclose(part.rows(some), whole.rows(some), atol=1e-10)
        assert torch.allclose(part.row_norms(), whole.row_norms(), atol=1e-7)
        assert torch.allclose(part.mean_squares(), whole.mean_squares(), atol=1e-8)


def test_the_mean_squares_of_streamed_rows_are_the_dense_ones() -> None:
    X, _ = latents()
    weight, scaler = torch.rand(150, dtype=torch.float64), Standardizer.identity(30)
    streamed = StreamedDesign(TensorRows(X), scaler, weight, 150.0, "cpu")
    dense = DenseDesign.build(TensorRows(X), scaler, weight, 150.0, "cpu")
    assert torch.allclose(streamed.mean_squares(), dense.mean_squares())


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("penalty", [ElasticNet(0.9), GroupElasticNet(0.9)], ids=["elastic net", "grouped"])
@pytest.mark.parametrize("family", ["multinomial", "binomial", "labels", "gaussian"])
def test_the_path_is_that_of_the_dense_features(family: str, penalty: Any, standardize: bool) -> None:
    X, scores = latents()
    X[:, 5] -= 50.0 if not standardize else 0.0  # a column of 50's is no problem that is well posed without centring
    X[:, -1] = 0.0  # instead of a duplicated column, which leaves weights free to trade places
    loss, target = LOSSES[family]
    options = {"loss": loss, "penalty": penalty, "standardize": standardize, "n_lambdas": 5, "lambda_min_ratio": 0.05}
    dense = fit_path(X, target(scores), tol=1e-11, **options)
    thin = fit_path(sparse.csr_matrix(X.numpy()), target(scores), tol=1e-11, **options)
    assert all(s.status.ok for s in thin)
    assert float((dense.coef - thin.coef).abs().max()) <= 1e-4
    assert [s.objective for s in thin] == pytest.approx([s.objective for s in dense], abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_stored_types_are_solved_in_float32(dtype: torch.dtype) -> None:
    X, scores = latents()
    X, y = X.to(dtype), scores.argmax(1)
    dense = fit(X, y, lambda_=0.02)
    thin = fit(X.to_sparse_coo(), y, lambda_=0.02)
    assert thin.status.ok
    assert thin.coef.dtype is torch.float32
    assert abs(thin.objective - dense.objective) <= 2e-4 * dense.null_loss


@pytest.mark.parametrize("solver", ["fista", "saga"])
def test_the_other_solvers_take_sparse_features(solver: str) -> None:
    X, scores = latents()
    X[:, 5] -= 50.0
    y = scores.argmax(1)
    dense = fit(X, y, lambda_=0.05, tol=1e-8)
    thin = fit(sparse.csr_matrix(X.numpy()), y, lambda_=0.05, tol=1e-8, solver=solver)
    assert thin.status.ok
    assert abs(thin.objective - dense.objective) <= 2e-8 * dense.null_loss


@pytest.mark.parametrize("standardize", [True, False])
def test_not_a_number_is_refused_by_row_and_column(standardize: bool) -> None:
    X, scores = latents()
    X[17, 8] = float("nan")
    with pytest.raises(DataError, match="row 17, column 8"):
        fit(sparse.csc_matrix(X.numpy()), scores.argmax(1), lambda_=0.1, standardize=standardize)
    check_finite(as_rows(sparse.csr_matrix((3, 2))))


def test_text_and_one_dimension_are_refused() -> None:
    with pytest.raises(DataError, match="must be a matrix"):
        as_rows(torch.ones(3).to_sparse_coo())
    with pytest.raises(DataError, match="real numbers"):
        as_rows(sparse.csr_matrix(np.array([[1j]])))


def test_wide_features_are_never_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit of 40,000 features writes out few of them at a time."""
    n, p, each = 300, 40_000, 8
    draw = np.random.default_rng(0)
    column = np.stack([draw.choice(p // 50, each, replace=False) * 50 for _ in range(n)])
    y = (column < p // 2).sum(1) > each / 2
    X = sparse.csr_array((np.ones(n * each), (np.repeat(np.arange(n), each), column.ravel())), shape=(n, p))
    largest, write = [0], SparseRows.dense

    def watched(rows: SparseRows) -> torch.Tensor:
        largest[0] = max(largest[0], rows.shape[0] * rows.shape[1])
        return write(rows)

    monkeypatch.setattr(SparseRows, "dense", watched)
    path = fit_path(X, y.astype(int), loss=LOSSES["binomial"][0], n_lambdas=5, lambda_min_ratio=0.1)
    assert all(s.status.ok for s in path)
    assert path[-1].nonzeros > 0
    assert 0 < largest[0] <= n * p / 40


def test_the_chosen_head_is_solved_again_on_sparse_features() -> None:
    X, scores = latents()
    X, y = sparse.csr_matrix(X.float().numpy()), scores.argmax(1)
    again = resolve(X, y, fit(X, y, lambda_=0.05, tol=1e-3))
    assert again.gap <= 1e-8
    assert again.coef.dtype is torch.float64
    assert again.info["certified_zeros"] > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_chosen_head_is_solved_again_within_a_budget(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    X, scores = data(1500, 40, 4)
    X, y = X[:, :-1].to(dtype), scores.argmax(1)
    forms, build = [], Problem.build
    monkeypatch.setattr("clearhead.glm.polish.MULTIPLY_ADDS", 0)  # which only rows in memory would profit from
    monkeypatch.setattr(Problem, "build", lambda *a, **k: forms.append(build(*a, **k)) or forms[-1])
    loose, whole = fit(X, y, lambda_=0.02, tol=1e-3), resolve(X, y, fit(X, y, lambda_=0.02))
    again = resolve(X, y, loose, options=SolveOptions(memory=700_000))
    assert isinstance(forms[-1].design, StreamedDesign)
    assert again.gap <= 1e-8
    assert again.objective == pytest.approx(whole.objective, abs=2e-8)
    assert again.info["certified_zeros"] == pytest.approx(whole.info["certified_zeros"], abs=2)


def test_estimators_take_scipy_matrices() -> None:
    X, scores = latents()
    y = np.array(["a", "b", "c"])[scores.argmax(1).numpy()]
    thin, dense = sparse.csc_matrix(X.numpy()), X.numpy()
    model = ElasticNetPathClassifier(lambda_=0.02, tol=1e-9).fit(thin, y)
    same = ElasticNetPathClassifier(lambda_=0.02, tol=1e-9).fit(dense, y)
    assert model.predict_proba(thin) == pytest.approx(same.predict_proba(dense), abs=1e-4)
    folds = {"n_lambdas": 5, "cv": 3}
    chosen = [ElasticNetPathClassifierCV(**folds).fit(A, y).best_lambda_ for A in (thin, dense)]
    assert chosen[0] == pytest.approx(chosen[1])
