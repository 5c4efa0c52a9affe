"""Arrays of rows × outputs made anew by blocks: the sums, the dual values and the paths of those that are held."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.sparse import csr_matrix
from tests.glm.members import LOSSES, data
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from clearhead.core.errors import SettingError
from clearhead.core.rows import TensorRows
from clearhead.core.scaling import Standardizer
from clearhead.glm import ElasticNet, GroupElasticNet, Multinomial, SolveOptions, Status, fit_path, room
from clearhead.glm.blockwise import Blockwise
from clearhead.glm.designs import DenseDesign, StoredDesign, StreamedDesign
from clearhead.glm.losses import Loss
from clearhead.glm.problem import Problem
from clearhead.glm.remade import Remade
from clearhead.glm.row_arrays import RowArrays, Whole
from clearhead.glm.solvers.prox_newton import ProxNewton
from clearhead.glm.targets import Labels


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK_BYTES", 1000)  # 64 rows


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_blocks_give_the_sums_of_whole_arrays(name: str, streamed: bool) -> None:
    loss, target = LOSSES[name]
    X, scores = data(500, 12, 4)
    weight, rows = torch.rand(500).double() + 0.5, TensorRows(X)
    targets = loss.encode(target(scores), 500)
    offset = torch.randn(targets.shape, generator=torch.Generator().manual_seed(0)).double()
    scaler = Standardizer.fit(rows, weight)
    design = DenseDesign.build(rows, scaler, weight, 500.0, "cpu")
    passing = StreamedDesign(rows, scaler, weight, 500.0, "cpu", 0) if streamed else design
    whole = Whole(design, targets, weight, offset, loss)
    forms: list[RowArrays] = [Blockwise(passing, targets, weight, offset, loss)]
    forms += [] if streamed else [Remade(passing, targets, weight, offset, loss)]
    labels = loss.labels(target(scores), 500)
    if labels is not None:
        forms.append(Blockwise(passing, labels, weight, offset, loss))
        forms += [] if streamed else [Remade(passing, labels, weight, offset, loss)]
    k = targets.shape[1]
    W = torch.randn(12, k, generator=torch.Generator().manual_seed(1)).double() * 0.1
    W[3:10] = 0  # most features without weights: their columns are left out
    b, share = torch.linspace(-0.1, 0.1, k).double(), targets.mean(0)
    held = whole.fit(whole.logits(W), b)
    for form in forms:
        made = form.fit(form.logits(W), b)
        assert made.loss == pytest.approx(held.loss, rel=1e-12)
        assert torch.allclose(made.theta_mean, held.theta_mean, atol=1e-9)
        assert torch.allclose(made.curvature, held.curvature, atol=1e-9)
        assert torch.allclose(form.against(made.theta), whole.against(held.theta), atol=1e-12)
        for made_anew, kept in zip(form.moments(), whole.moments(), strict=True):
            assert torch.allclose(made_anew, kept, atol=1e-12)
        assert torch.allclose(form.target_sum, whole.target_sum)
        assert float(form.dual(form.logits(W), b, 0.9, 0.2, share)) == pytest.approx(
            float(whole.dual(whole.logits(W), b, 0.9, 0.2, share)), rel=1e-9, nan_ok=True
        )


def test_of_many_classes_every_form_gives_the_sums_of_the_definition() -> None:
    X, scores = data(400, 9, 80)
    labels, weight = Labels(scores.argmax(1), 80), torch.rand(400).double() + 0.5
    targets, scaler = labels.block(slice(None), 80, torch.float64), Standardizer.fit(TensorRows(X), weight)
    design = DenseDesign.build(TensorRows(X), scaler, weight, 400.0, "cpu")
    W = torch.randn(9, 80, generator=torch.Generator().manual_seed(1)).double()
    q = (design.Z @ W).softmax(1)
    for form in (Whole, Blockwise, Remade):
        for given in (labels, targets):
            arrays = form(design, given, weight, None, Multinomial())
            logits, b = arrays.logits(W), torch.zeros(80).double()
            fit = arrays.fit(logits, b)
            torch.testing.assert_close(fit.curvature, weight @ (q - q.square()))
            torch.testing.assert_close(arrays.against(fit.theta), design.Z.T @ (weight[:, None] * (targets - q)) / 400)
            torch.testing.assert_close(
                arrays.dual(logits, b, 1.0, 0.0, targets.mean(0)), weight @ torch.special.entr(q).sum(1)
            )


@pytest.mark.parametrize("memory", [None, 1])
def test_the_intercept_of_many_classes_is_exact_though_its_curvature_is_a_diagonal(memory: int | None) -> None:
    X, scores = data(1500, 10, 90)
    y = (3 * scores).argmax(1)
    y[:90] = torch.arange(90)
    problem = Problem.build(X, y, Multinomial(), options=SolveOptions(memory=memory))
    b = torch.zeros(90, dtype=torch.float64)
    for size in (0.0, 0.3, 0.6, 1.0):
        W = size * torch.randn(10, 90, generator=torch.Generator().manual_seed(3)).double()
        b, fit = problem.solve_intercept(problem.logits(W), b)
        assert float((fit.theta_mean.abs() / problem.target_mean).max()) <= 1e-10


@pytest.mark.parametrize("penalty", [ElasticNet(0.9), GroupElasticNet(0.9)])
@pytest.mark.parametrize("memory", [1, 400_000])  # streamed, dense
def test_a_budget_below_the_logits_gives_the_same_path(memory: int, penalty: Any) -> None:
    X, scores = data(1500, 20, 6)
    y, limits = scores.argmax(1), {"n_lambdas": 6, "lambda_min_ratio": 0.05, "tol": 1e-8, "penalty": penalty}
    whole = fit_path(X, y, **limits)
    small = fit_path(X, y, **limits, options=SolveOptions(memory=memory))
    problem = Problem.build(X, y, Multinomial(), options=SolveOptions(memory=memory))
    assert isinstance(problem.arrays, Blockwise)
    assert isinstance(problem.targets, Labels)
    assert isinstance(problem.design, DenseDesign if memory > 1 else StreamedDesign)
    for a, b in zip(whole, small, strict=True):
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 1e-8 * a.null_loss
        assert float((a.coef - b.coef).abs().max()) <= 1e-2


@pytest.mark.parametrize("balanced", [False, True])
def test_weights_offsets_and_half_precision_go_by_blocks_too(balanced: bool) -> None:
    X, scores = data(900, 15, 5)
    y, weight = scores.argmax(1), torch.rand(900).double() + 0.1
    limits = {"n_lambdas": 4, "lambda_min_ratio": 0.1, "tol": 1e-4, "sample_weight": weight}
    shared = {"offset": torch.randn(900, 5).double(), "class_weight": "balanced" if balanced else None}
    whole = fit_path(X.half(), y, **limits, options=SolveOptions(**shared))
    small = fit_path(X.half(), y, **limits, options=SolveOptions(**shared, memory=1))
    for a, b in zip(whole, small, strict=True):
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 2e-4 * a.null_loss


@pytest.mark.parametrize("memory", [None, 1])
def test_paths_of_many_classes_end_where_gradient_steps_do(memory: int | None) -> None:
    X, scores = data(1200, 10, 70)
    y = scores.argmax(1)
    y[:70] = torch.arange(70)  # every class occurs
    limits = {"n_lambdas": 4, "lambda_min_ratio": 0.3, "tol": 1e-6}
    plain = fit_path(X, y, **limits, solver="fista")
    small = fit_path(X, y, **limits, options=SolveOptions(memory=memory))
    for a, b in zip(plain, small, strict=True):
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 2e-6 * a.null_loss


class Largest(TorchDispatchMode):
    """The most numbers that a result of an operation has had."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, call: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = call(*args, **(kwargs or {}))
        for one in result if isinstance(result, list | tuple) else [result]:
            if isinstance(one, torch.Tensor):
                self.most = max(self.most, one.untyped_storage().nbytes() // one.element_size())
        return result


def test_no_array_of_rows_times_classes_is_made() -> None:
    X, scores = data(3000, 8, 90)
    y = scores.argmax(1)
    y[:90] = torch.arange(90)
    sizes = []
    for memory in (None, 1):
        with Largest() as seen:
            path = fit_path(X, y, n_lambdas=3, lambda_min_ratio=0.3, tol=1e-3, options=SolveOptions(memory=memory))
        assert path[-1].nonzeros > 0
        sizes.append(seen.most)
    assert sizes[0] >= 3000 * 90
    assert sizes[1] < 3000 * 90 / 5


def test_saga_says_that_its_table_does_not_fit() -> None:
    X, scores = data(300, 8, 3)
    with pytest.raises(SettingError, match="table of rows × outputs"):
        fit_path(X, scores.argmax(1), solver="saga", options=SolveOptions(memory=1))


@pytest.mark.parametrize("y", [[0, 2, 2, 0], [0, 1, 1, -1], [0, 0.5, 1, 1], [0, 0, 0, 0]])
def test_labels_are_refused_as_whole_targets_are(y: list[float]) -> None:
    loss: Loss = Multinomial()
    messages = []
    for call in (loss.encode, loss.labels):
        with pytest.raises(ValueError) as raised:
            call(y, 4)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


def seventy(n: int, p: int) -> tuple[Tensor, Tensor]:
    """Features of ``p`` columns and labels of 70 classes, each of which occurs."""
    X, scores = data(n, p, 70)
    return X, torch.cat([torch.arange(70), scores[70:].argmax(1)])


def test_logits_of_many_outputs_come_back_when_they_were_let_go() -> None:
    problem = Problem.build(*seventy(600, 8), Multinomial())
    assert isinstance(problem.arrays, Remade)
    W, b = 0.1 * torch.randn(8, 70).double(), problem.null[0]
    logits = problem.logits(W)
    before = problem.fit(logits, b)
    slope, residual = problem.slope(before.theta), problem.arrays.written_residual(before.theta)
    values = weakref.ref(logits.values)
    problem.release(logits)
    assert values() is None
    assert problem.fit(logits, b).loss == before.loss
    problem.release(logits)
    assert torch.equal(problem.slope(before.theta), slope)
    whole = Whole(problem.design, problem.targets, problem.weight, None, problem.loss)
    held = whole.fit(whole.logits(W), b)
    assert residual is not None
    torch.testing.assert_close(residual, held.theta)
    torch.testing.assert_close(slope, whole.against(held.theta))


def test_a_path_of_many_outputs_holds_no_logits_beside_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a step that is refused to the end lose them."""
    made: list[Any] = []
    counts, inner = [], Remade._times

    def counted(self: Remade, W: Tensor) -> Tensor:
        counts.append(sum(values() is not None for values in made))
        values = inner(self, W)
        made.append(weakref.ref(values))
        return values

    monkeypatch.setattr(Remade, "_times", counted)
    X, y = seventy(600, 8)
    expected = fit_path(X, y, n_lambdas=4, lambda_min_ratio=0.3, tol=1e-4)
    assert expected.statuses() == {Status.Converged: 4}
    assert len(counts) > 8
    assert max(counts[2:]) == 0
    search, refused = ProxNewton._search, []

    def refusing(self: ProxNewton, point: Any, delta: Tensor) -> Any:
        if len(refused) < 2:  # as though no part of the step were any good
            refused.append(self.problem.release(point.logits))
            return point.coef, point.logits, point.intercept
        return search(self, point, delta)

    monkeypatch.setattr(ProxNewton, "_search", refusing)
    again = fit_path(X, y, n_lambdas=4, lambda_min_ratio=0.3, tol=1e-4)
    assert len(refused) == 2
    for solution, other in zip(again, expected, strict=True):
        assert abs(solution.objective - other.objective) <= 1e-4 * other.null_loss


@pytest.mark.parametrize("alpha", [0.5, 0.99, 1.0])
def test_many_outputs_stream_with_logits_of_their_own_form(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept features are at hand where all of them are not, so the solve within has other arrays."""
    parts: list[Problem] = []
    narrowed = Problem.narrowed

    def seen(self: Problem, features: Tensor) -> Problem:
        parts.append(narrowed(self, features))
        return parts[-1]

    monkeypatch.setattr(Problem, "narrowed", seen)
    X, y = seventy(3000, 600)
    penalty, grid = ElasticNet(alpha), {"n_lambdas": 3, "lambda_min_ratio": 0.7}
    options = SolveOptions(memory=19_000_000)
    problem = Problem.build(X.float() + 20, y, Multinomial(), options=options)
    assert problem.design.costly
    assert isinstance(problem.arrays, Whole)
    path = fit_path(X.float() + 20, y, penalty=penalty, tol=1e-3, options=options, **grid)
    assert parts
    assert all(isinstance(part.arrays, Remade) for part in parts)
    assert all(s.status.ok for s in path)


@pytest.mark.parametrize(("memory", "kind"), [(None, Remade), (5_000_000, Remade), (2_000_000, Blockwise)])
def test_logits_are_kept_where_they_fit_though_not_all_arrays_do(memory: int | None, kind: type[RowArrays]) -> None:
    X, y = seventy(3000, 20)
    problem = Problem.build(X.float(), y, Multinomial(), options=SolveOptions(memory=memory))
    assert type(problem.arrays) is kind
    assert not problem.design.costly
    given = SolveOptions(memory=memory, offset=torch.zeros(3000, 70))
    other = Problem.build(X.float(), y, Multinomial(), options=given)
    assert isinstance(other.arrays, Blockwise) == (memory is not None), "an offset is rows × outputs too"


def test_sparse_rows_of_many_outputs_keep_their_residuals() -> None:
    X, y = seventy(600, 8)
    assert not isinstance(Problem.build(csr_matrix(X.numpy()), y, Multinomial()).arrays, Remade)


@pytest.mark.parametrize("solver", ["prox_newton", "saga", "fista"])
def test_solvers_agree_on_many_outputs(solver: str) -> None:
    X, y = seventy(400, 6)
    found = fit_path(X, y, solver=solver, n_lambdas=2, lambda_min_ratio=0.7, tol=1e-5)
    exact = fit_path(X, y, lambdas=[s.lambda_ for s in found], tol=1e-10)
    for solution, other in zip(found, exact, strict=True):
        assert solution.status.ok
        assert -1e-9 <= (solution.objective - other.objective) / solution.null_loss <= 1e-5


def test_float32_rows_are_multiplied_where_they_are_by_blocks_too() -> None:
    X, y = seventy(600, 8)
    weight = torch.rand(600).double() + 0.5
    problem = Problem.build(X.float(), y, Multinomial(), sample_weight=weight)
    assert isinstance(problem.design, StoredDesign)
    assert isinstance(problem.arrays, Remade)
    W, b = 0.1 * torch.randn(8, 70), problem.null[0]
    fit = problem.fit(problem.logits(W), b)
    Z = (X - problem.scaler.mean) * problem.scaler.inverse_scale
    q = (Z @ W.double() + b).softmax(1)
    theta = torch.nn.functional.one_hot(y, 70).double() - q
    w = problem.weight / problem.design.total
    torch.testing.assert_close(fit.theta_mean, w @ theta, atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(problem.slope(fit.theta), Z.T @ (w[:, None] * theta), atol=1e-7, rtol=1e-4)
