"""Conjugate gradients after coordinate descent: what a model's minimum asks for is met, and never at its cost."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clearhead.glm import ElasticNet, GroupElasticNet, Status, fit_path
from clearhead.glm.penalties import Penalty
from clearhead.glm.products import padded
from clearhead.glm.solvers import inner, subspace
from clearhead.glm.solvers.entries import Entries
from clearhead.glm.solvers.model import Effort, Model, model_width
from clearhead.glm.solvers.subspace import Rule


def stretched(outputs: int, seed: int) -> Model:
    """A model whose flattest direction is a thousandth of its steepest, with two secant pairs that add curvature."""
    a, generator = 40, torch.Generator().manual_seed(seed)
    width = model_width(outputs, torch.device("cpu"))
    draw = torch.randn(300, a, generator=generator, dtype=torch.float64) * torch.logspace(-1.5, 0, a).double()
    mixed = draw @ torch.linalg.qr(torch.randn(a, a, generator=generator, dtype=torch.float64))[0]
    S = torch.zeros(width, width, dtype=torch.float64)
    other = torch.randn(300, outputs, generator=generator, dtype=torch.float64)
    S[:outputs, :outputs] = other.T @ other / 300
    pairs = torch.zeros(2, a, width, dtype=torch.float64)
    pairs[:, :, :outputs] = 0.05 * torch.randn(2, a, outputs, generator=generator, dtype=torch.float64)
    slope = torch.randn(a, outputs, generator=generator, dtype=torch.float64)
    S = S if outputs <= 64 else S.diagonal().contiguous()
    return Model(mixed.T @ mixed / 300, S, -pairs, pairs, slope, torch.arange(a))


def value(model: Model, W: Tensor, penalty: Penalty, lambda_: float) -> float:
    """Model and penalty at W (a, k), from 0."""
    k = W.shape[1]
    S = torch.diag(model.S) if model.S.ndim == 1 else model.S[:k, :k]
    bent = model.gram @ W @ S
    for left, right in zip(model.left, model.right, strict=True):
        bent -= left[:, :k] * float((right[:, :k] * W).sum())
    return float(0.5 * (W * bent).sum() - (model.slope * W).sum()) + penalty.value(W, lambda_)


@pytest.mark.parametrize(
    "penalty", [ElasticNet(0.9), ElasticNet(0.9, nonnegative=True), ElasticNet(0.0), GroupElasticNet(0.9)]
)
@pytest.mark.parametrize("outputs", [3, 10, 20, 70])
def test_little_of_the_residual_is_left(outputs: int, penalty: Penalty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subspace, "STEPS", 200)
    for seed in range(3):
        model, lambda_ = stretched(outputs, seed), 0.1
        start = torch.zeros_like(model.slope)
        rule = Rule.of(model, start, penalty, lambda_)
        found = inner.minimise(model, start, penalty, lambda_, Effort(5, 1e-9))
        before = rule.residual(start, model.slope).square().sum()
        minimum = inner.minimise(model, start, penalty, lambda_, Effort(20_000, 1e-12))
        slope = _slope(model, found)
        assert float(rule.residual(found, slope).square().sum()) <= 1.5 * Effort().left * float(before)
        least, reached = (value(model, W, penalty, lambda_) for W in (minimum, found))
        assert least <= reached + 1e-9 * abs(least)
        assert float(rule.residual(minimum, _slope(model, minimum)).abs().max()) < 1e-4


def _slope(model: Model, W: Tensor) -> Tensor:
    return model.slope - model.bent(padded(W, model.S.shape[-1]))[:, : W.shape[1]]


@pytest.mark.parametrize("penalty", [ElasticNet(0.9), GroupElasticNet(0.9)])
@pytest.mark.parametrize("outputs", [3, 70])
def test_no_step_leads_uphill(outputs: int, penalty: Penalty) -> None:
    """Where many weights would change sign, zeros in their place may be worse than what there was."""
    for seed in range(20):
        model, lambda_ = stretched(outputs, 100 + seed), 1.0
        start = torch.randn(model.slope.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        swept = _only_swept(model, start, penalty, lambda_)
        found = inner.minimise(model, start, penalty, lambda_, Effort(2, 1e-9))
        before, after = (value(model, W - start, penalty, 0.0) + penalty.value(W, lambda_) for W in (swept, found))
        assert after <= before + 1e-9 * abs(before)


def _only_swept(model: Model, start: Tensor, penalty: Penalty, lambda_: float) -> Tensor:
    rule = Rule.of(model, start, penalty, lambda_)
    descent = (inner._narrow if model.S.ndim == 2 else inner._wide)(model, rule, penalty.grouped, 1e-9)
    return descent(start, model.slope, 2)[0][:, : start.shape[1]]


def test_eight_rows_of_two_features_are_solved() -> None:
    """Crossing weights set to zero once led uphill at every step, and the path stalled at a gap of 0.1."""
    draw = torch.Generator().manual_seed(0)
    for _ in range(40):
        X = torch.randn(8, 2, generator=draw, dtype=torch.float64)
        y = torch.cat([torch.arange(3), torch.randint(0, 3, (5,), generator=draw)])
        path = fit_path(X, y, penalty=ElasticNet(0.75), n_lambdas=2, lambda_min_ratio=0.06, tol=1e-8)
        assert path[1].status is Status.Converged


def test_excluded_features_stay_out_and_unpenalised_ones_change_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sweep, conjugate gradients alone solve the system of what has no kink at zero."""
    monkeypatch.setattr(subspace, "STEPS", 500)
    model, penalty = stretched(3, 7), ElasticNet(0.9, factors=(float("inf"), 1.0, *[0.0] * 38))
    start = torch.full_like(model.slope, 0.1)
    start[:2] = 0.0
    rule = Rule.of(model, start, penalty, 0.5)
    wide = padded(start, model.S.shape[-1])
    found = subspace.refine(model, start, wide, padded(model.slope, 8), lambda W, slope, _: (W, slope), rule, 1e-16)
    B = torch.kron(model.gram, model.S[:3, :3])
    for left, right in zip(model.left, model.right, strict=True):
        B -= torch.outer(left[:, :3].reshape(-1), right[:, :3].reshape(-1))
    step = torch.linalg.solve(B[6:, 6:], model.slope[2:].reshape(-1)).view(38, 3)
    assert bool((start[2:] + step < 0).any())
    torch.testing.assert_close(found[2:, :3], start[2:] + step, rtol=1e-5, atol=1e-6)
    assert not found[:2].any()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("outputs", [3, 70])
def test_entries_alone_are_bent_as_among_all_weights(outputs: int, share: float) -> None:
    model, draw = stretched(outputs, 3), torch.Generator().manual_seed(0)
    used = padded(torch.rand(model.slope.shape, generator=draw) < share, model.S.shape[-1])
    entries = Entries(model, used)
    x = torch.randn(int(used.sum()), generator=draw, dtype=torch.float64)
    written = entries.written(x)
    assert torch.equal(written[used], x)
    assert not written[~used].any()
    torch.testing.assert_close(entries.bent(x), model.bent(written)[used])
    torch.testing.assert_close(entries.diagonal, model.diagonal[used])


def test_the_residual_and_the_curvature_of_rows_are_derivatives_of_the_model_and_their_penalty() -> None:
    model, penalty, lambda_ = stretched(3, 5), GroupElasticNet(0.8), 0.3
    W = torch.randn(model.slope.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rule = Rule.of(model, W, penalty, lambda_)
    step = torch.randn(W.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    size = lambda V: rule.ridge[:, 0] @ V.square().sum(1) / 2 + rule.bounds[:, 1, 0] @ V.norm(dim=1)  # noqa: E731
    gradient, curved = (torch.autograd.functional.vjp(size, W)[1], torch.autograd.functional.hvp(size, W, step)[1])
    torch.testing.assert_close(rule.residual(W, torch.zeros_like(W)), -gradient)
    pull, along = rule.bend(W)
    assert along is not None
    torch.testing.assert_close(pull * step - along * (along * step).sum(1, keepdim=True), curved)
    W[3] = 0
    outside = max(0.0, 1 - float(rule.bounds[3, 1, 0] / model.slope[3].norm()))
    torch.testing.assert_close(rule.residual(W, model.slope)[3], model.slope[3] * outside)
