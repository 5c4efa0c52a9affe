"""The certificate never lies: for any weights, optimal or not, objective − optimum ≤ gap, and gap ≥ 0."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.glm.members import LOSSES, PENALTIES, data

from clearhead.core.seeds import torch_generator
from clearhead.glm import Binomial, ElasticNet, Gaussian, SolveOptions, fit_path
from clearhead.glm.balance import Balance
from clearhead.glm.certificate import certify
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
def test_gap_bounds_the_suboptimality_of_any_point(loss: Loss, target, penalty: Penalty) -> None:  # type: ignore[no-untyped-def]
    X, scores = data(n=40, p=8)
    problem = Problem.build(X, target(scores), loss)
    lambda_ = 0.2 * penalty.lambda_max(problem.null[2])
    best = fit_path(X, target(scores), loss=loss, penalty=penalty, lambdas=[lambda_], tol=1e-10)[0]

    @settings(max_examples=25)
    @given(st.integers(0, 10**6), st.floats(1e-8, 3.0), st.booleans())
    def check(seed: int, size: float, around: bool) -> None:
        noise = torch.randn(best.coef.shape, generator=torch_generator(seed, "point"), dtype=torch.float64)
        coef = size * noise + (best.coef if around else 0.0)
        coef = coef.clamp(min=0) if penalty.nonnegative else coef
        point = certify(problem, penalty, lambda_, coef, problem.logits(coef), best.intercept)
        gap = point.objective - point.dual
        assert gap >= 0
        assert point.objective - best.objective <= gap + 1e-9
        assert point.objective >= best.objective - 1e-9

    check()


def test_the_intercept_is_exact_so_the_dual_point_is_feasible() -> None:
    X, scores = data()
    problem = Problem.build(X, scores.argmax(1), LOSSES["multinomial"][0])
    coef = 0.3 * torch.ones(X.shape[1], 3, dtype=torch.float64)
    logits = problem.logits(coef)
    intercept, fit = problem.solve_intercept(logits, torch.full((3,), 5.0, dtype=torch.float64))
    assert float(fit.theta_mean.abs().max()) < 1e-12
    probabilities = (logits[:, :3] + intercept).softmax(1)
    torch.testing.assert_close(probabilities.mean(0), problem.target_mean)


def test_an_intercept_that_is_off_never_lifts_the_bound() -> None:
    """Responses far from zero: a share of their mean is no small residual, and their dual takes none."""
    X, scores = data(n=60, p=5)
    y = 1e5 + scores[:, 0]
    problem, penalty = Problem.build(X, y, Gaussian()), ElasticNet()
    lambda_ = 0.1 * penalty.lambda_max(problem.null[2])
    best = fit_path(X, y, loss=Gaussian(), penalty=penalty, lambdas=[lambda_], tol=1e-10)[0]
    logits, enough = problem.logits(best.coef), 1e-3 * problem.null[1]
    point = certify(problem, penalty, lambda_, best.coef, logits, best.intercept + 1, enough)
    assert point.dual <= best.objective * (1 + 1e-9)
    assert point.objective <= best.objective + 1e-9


def test_common_positives_cost_no_more_than_rare_ones() -> None:
    """What may be left of the intercept's residual is a share of the smaller of the two: the gap charges for that."""
    X, _ = data(n=2000, p=5)
    rare = torch.zeros(2000)
    rare[:8] = 1
    gaps = []
    for y in (rare, 1 - rare):
        problem, penalty = Problem.build(X, y, Binomial()), ElasticNet()
        lambda_ = 0.5 * penalty.lambda_max(problem.null[2])
        best = fit_path(X, y, loss=Binomial(), penalty=penalty, lambdas=[lambda_], tol=1e-10)[0]
        shifted, enough = best.intercept + 0.02, 1e-3 * problem.null[1]
        point = certify(problem, penalty, lambda_, best.coef, problem.logits(best.coef), shifted, enough)
        gaps.append((point.objective - point.dual) / problem.null[1])
    assert max(gaps) <= 1e-3


def test_an_infeasible_residual_is_mixed_not_centred() -> None:
    """With a wrong intercept the bound must still hold; centring would claim too small a gap."""
    X, scores = data()
    loss, penalty = LOSSES["multinomial"][0], PENALTIES["elastic net"]
    problem = Problem.build(X, scores.argmax(1), loss)
    mean = torch.tensor([0.3, -0.1, -0.2], dtype=torch.float64)
    mix, share = loss.balance(mean * 0.2, problem.target_mean)
    assert 0 < mix < 1
    assert bool((share >= 0).all())
    assert float(share.sum()) == pytest.approx(1.0)
    torch.testing.assert_close((1 - mix) * mean * 0.2 + mix * (problem.target_mean - share), torch.zeros(3).double())
    assert penalty.conjugate(torch.zeros(1, 3), 0.1) == 0


@pytest.mark.parametrize("name", ["multinomial", "binomial"])
@pytest.mark.parametrize("offset", [False, True])
def test_the_row_that_is_mixed_in_is_worth_what_its_sum_over_rows_says(name: str, offset: bool) -> None:
    X, scores = data()
    loss, target = LOSSES[name]
    y = target(scores)
    options = SolveOptions(offset=torch.randn(len(X), 3 if name == "multinomial" else 1).double() if offset else None)
    problem = Problem.build(X, y, loss, sample_weight=torch.rand(len(X)) + 0.1, options=options)
    share = 0.7 * problem.target_mean + (0.1 if name == "multinomial" else 0.05)
    logits = problem.logits(torch.zeros(X.shape[1], problem.n_outputs).double())
    summed = problem.dual(logits, problem.target_mean * 0, 1.0, 1.0, share)  # mixed in whole, nothing of θ is left
    assert Balance(problem, 1.0, share).smooth(0.0) == pytest.approx(summed, rel=1e-10)


def test_weights_that_another_lambda_ended_with_are_certified_there_without_a_read() -> None:
    X, y = torch.randn(200, 8, generator=torch.Generator().manual_seed(0)), torch.arange(200) % 3
    X[:, 0] += y
    path = fit_path(X, y, lambdas=[0.05, 0.05 * (1 - 1e-7)], tol=1e-3)
    again = fit_path(X, y, lambdas=[0.05 * (1 - 1e-7)], tol=1e-3)[0]
    assert path[0].info["reads"] > 0
    assert path[1].info["reads"] == 0
    assert path[1].gap <= 1e-3
    assert abs(path[1].objective - again.objective) <= 1e-3 * again.null_loss
