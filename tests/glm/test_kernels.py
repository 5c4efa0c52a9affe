"""The compiled products for every remainder of rows, features and outputs; the softmax pass at extreme logits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from clearhead.glm import Binomial, Multinomial
from clearhead.glm.block import Block
from clearhead.glm.fit import evaluate
from clearhead.glm.kernels.product_rows import times_rows
from clearhead.glm.kernels.products import against, times
from clearhead.glm.kernels.softmax import driver, softmax_pass
from clearhead.glm.kernels.wide_softmax import wide_softmax_pass
from clearhead.glm.losses import Loss
from clearhead.glm.products import padded_width


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [1, 7, 8, 33, 77])
@pytest.mark.parametrize(("k", "width"), [(1, 8), (2, 8), (3, 8), (8, 8), (10, 16), (16, 16)])
def test_products_for_every_remainder(dtype: torch.dtype, p: int, k: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    Z = torch.randn(70, p, generator=generator, dtype=dtype)
    W = torch.randn(p, k, generator=generator, dtype=dtype)
    out = torch.zeros(70, width, dtype=dtype)
    times(Z, W, out)
    torch.testing.assert_close(out[:, :k], Z @ W, rtol=1e-5, atol=1e-5)
    assert not out[:, k:].any()
    torch.testing.assert_close(against(Z, out, k), (Z.T @ out[:, :k]).double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("p", "k"), [(0, 3), (431, 5), (433, 10), (1300, 10), (2047, 4)])
def test_products_in_pieces_of_the_weights(p: int, k: int) -> None:
    """With as many features as make one piece and more; and with none."""
    Z, W = torch.randn(67, p, dtype=torch.float64), torch.randn(p, k, dtype=torch.float64)
    for dtype, close in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        out = torch.zeros(67, padded_width(k, Z.device), dtype=dtype)
        times(Z.to(dtype), W.to(dtype), out)
        torch.testing.assert_close(out[:, :k].double(), Z @ W, rtol=close, atol=30 * close)
        assert not out[:, k:].any()


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
@pytest.mark.parametrize("p", [1, 16, 33, 77])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_blocks_multiply_as_their_dense_form_does(stored: torch.dtype, dtype: torch.dtype, p: int, k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    raw = (3 + torch.randn(70, p, generator=generator)).to(stored)[3:]
    block = Block(raw, raw.to(dtype).mean(0), 1 / (0.5 + torch.rand(p, generator=generator, dtype=dtype)))
    W = torch.randn(p, k, generator=generator, dtype=dtype)
    found = block.times(W)
    assert not found[:, k:].any()
    torch.testing.assert_close(found[:, :k], block.dense() @ W, rtol=1e-5, atol=3e-5)
    torch.testing.assert_close(block.against(found, k), (block.dense().T @ found[:, :k]).double(), rtol=1e-4, atol=1e-3)
    some = torch.tensor([0, p - 1])
    torch.testing.assert_close(block.columns(some).rows(slice(2, 9)).dense(), block.dense()[2:9, some])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [3, 10])
def test_probabilities_are_nil_or_normal_numbers(dtype: torch.dtype, k: int) -> None:
    """Whatever the logits: with subnormal numbers a pass takes forty times as long on some processors."""
    width, tiny = 8 if k <= 8 else 16, torch.finfo(dtype).tiny
    Z = torch.zeros(80, width, dtype=dtype)
    Z[:, :k] = -torch.logspace(-2, 3.2, 80 * k, dtype=torch.float64).view(80, k).to(dtype)
    Y = torch.zeros_like(Z)
    Y[:, 0] = 1
    theta, weight = torch.empty_like(Z), torch.full((80,), 0.5, dtype=dtype)
    passed = softmax_pass(Z, torch.zeros(k, dtype=torch.float64), Y, weight, k, theta)
    q = Z[:, :k].double().softmax(1)
    torch.testing.assert_close((Y - theta)[:, :k].double(), q, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(passed.outer, 0.5 * q.T @ q, rtol=1e-5, atol=1e-6)
    for made in (theta, passed.outer.to(dtype), passed.probability.to(dtype)):
        assert not ((made != 0) & (made.abs() < tiny)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [2, 8, 9, 16])
def test_class_numbers_give_what_one_hot_targets_give(k: int, dtype: torch.dtype) -> None:
    generator, n, width = torch.Generator().manual_seed(k), 700, 8 if k <= 8 else 16
    Z, b = torch.randn(n, width, generator=generator, dtype=dtype), torch.randn(k, generator=generator).double()
    labels, weight = torch.randint(k, (n,), generator=generator), torch.rand(n, generator=generator, dtype=dtype)
    hard = torch.nn.functional.one_hot(labels, width).to(dtype)
    thetas = torch.empty(2, n, width, dtype=dtype)
    numbered, written = (softmax_pass(Z, b, Y, weight, k, t) for Y, t in zip((labels, hard), thetas, strict=True))
    assert torch.equal(thetas[0], thetas[1])
    assert numbered.loss == pytest.approx(written.loss, rel=1e-14)
    assert torch.equal(numbered.outer, written.outer)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 3, 8, 15, 63, 64, 65, 1024, 5001, 40_001])
@pytest.mark.parametrize("k", [2, 3, 8, 10, 16])
def test_the_softmax_pass_gives_the_sums_of_the_definition(n: int, k: int, dtype: torch.dtype) -> None:
    """Rows that fill no register, sums that pass to float64 more than once, rows of one weight and of many."""
    generator, width = torch.Generator().manual_seed(n), 8 if k <= 8 else 16
    Z, b = torch.randn(n, width, generator=generator, dtype=dtype), torch.randn(k, generator=generator).double()
    soft = torch.zeros(n, width, dtype=dtype)
    soft[:, :k] = torch.randn(n, k, generator=generator, dtype=dtype).softmax(1)
    sure = (3 * Z[:, :k] + b.to(dtype)).double()
    q, theta = sure.softmax(1), torch.empty_like(Z)
    close = {"rtol": 3e-6, "atol": 3e-6} if dtype is torch.float32 else {"rtol": 1e-12, "atol": 1e-13}
    for weight in (torch.ones(n, dtype=dtype), torch.rand(n, generator=generator, dtype=dtype)):
        w = weight.double()
        passed = softmax_pass(3 * Z, b, soft, weight, k, theta)
        torch.testing.assert_close(theta[:, :k].double(), soft[:, :k].double() - q, **close)
        assert not theta[:, k:].any()
        torch.testing.assert_close(passed.probability, w @ q, **close)
        torch.testing.assert_close(passed.outer, q.T @ (w[:, None] * q), **close)
        exact = -(w[:, None] * soft[:, :k].double() * sure.log_softmax(1)).sum()
        assert passed.loss == pytest.approx(float(exact), rel=close["rtol"])


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("labelled", [0, 1])
@pytest.mark.parametrize(("k", "width"), [(3, 8), (10, 16)])
def test_registers_of_every_width_give_the_same_sums(lanes: int, labelled: int, k: int, width: int) -> None:
    """Those of other machines too: a block of logits is narrower than a register, as wide, or wider."""
    Z, b, weight = torch.zeros(77, width), torch.randn(k), torch.rand(77)
    Z[:, :k] = torch.randn(77, k)
    labels = torch.randint(k, (77,))
    Y = labels if labelled else torch.nn.functional.one_hot(labels, width).float()
    theta, total = torch.empty(77, width), torch.zeros(2 + width, width, dtype=torch.float64)
    driver(32, width, labelled, lanes)(*(t.numpy() for t in (Z, b, Y, weight, theta, total)))
    q, w = (Z[:, :k] + b).double().softmax(1), weight.double()
    hard = torch.nn.functional.one_hot(labels, k)
    torch.testing.assert_close(theta[:, :k].double(), hard - q, rtol=1e-5, atol=1e-6)
    assert not theta[:, k:].any()
    torch.testing.assert_close(total[1, :k], w @ q, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(total[2 : 2 + k, :k], q.T @ (w[:, None] * q), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "p", "k"), [(1, 1, 2), (300, 7, 3), (5001, 40, 10), (700, 33, 16)])
def test_the_fused_pass_is_its_three_passes(n: int, p: int, k: int, kind: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(n)
    dtype = torch.float64 if kind is torch.float64 else torch.float32
    raw = (torch.randn(n, p, generator=generator) + 1).to(kind)
    W, b = torch.randn(p, k, generator=generator, dtype=dtype), torch.randn(k, generator=generator).double()
    labels, weight = torch.randint(k, (n,), generator=generator), torch.rand(n, generator=generator).to(dtype)
    plain = Block(raw) if raw.dtype is dtype else Block(raw, raw.to(dtype).mean(0), torch.full((p,), 0.5).to(dtype))
    for block in (plain, Block(raw, raw.to(dtype).mean(0), torch.full((p,), 0.5).to(dtype))):
        logits = block.times(W)
        theta = torch.empty_like(logits)
        apart = softmax_pass(logits, b, labels, weight, k, theta)
        for gradient in (False, True):
            passed, slope = block.fused(W, None, b, labels, weight, gradient)
            assert passed.loss == pytest.approx(apart.loss, rel=1e-5)
            torch.testing.assert_close(passed.outer, apart.outer, rtol=1e-4, atol=1e-5)
        assert slope is not None
        torch.testing.assert_close(slope, block.against(theta * weight[:, None], k), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("gathered", [0, 150])
def test_the_fused_pass_picks_out_the_features_in_use(
    kind: torch.dtype, gathered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without standardisation, gathered or as they lie: as if the weights of all others were written out."""
    monkeypatch.setattr("clearhead.glm.block.GATHERED", gathered)
    dtype = torch.float64 if kind is torch.float64 else torch.float32
    raw, used, k = (torch.randn(530, 40) + 1).to(kind), torch.tensor([0, 7, 8, 23, 31]), 5
    few, b = torch.randn(len(used), k, dtype=dtype), torch.randn(k).double()
    whole = torch.zeros(40, k, dtype=dtype)
    whole[used] = few
    labels, weight = torch.randint(k, (530,)), torch.rand(530).to(dtype)
    standardised = Block(raw, raw.to(dtype).mean(0), torch.rand(40).to(dtype) + 0.5)
    for block in [Block(raw), standardised] if raw.dtype is dtype else [standardised]:
        found, slope = block.fused(few, used, b, labels, weight, True)
        expected, wanted = block.fused(whole, None, b, labels, weight, True)
        assert found.loss == pytest.approx(expected.loss, rel=1e-6)
        torch.testing.assert_close(slope, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [17, 64, 100, 700])
def test_the_wide_softmax_pass_gives_the_sums_of_the_definition(k: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(k)
    Z, b = 6 * torch.randn(150, k, generator=generator, dtype=dtype), torch.randn(k, generator=generator).double()
    labels, weight = torch.randint(k, (150,), generator=generator), torch.rand(150, generator=generator, dtype=dtype)
    soft = torch.randn(150, k, generator=generator, dtype=dtype).softmax(1)
    hard = torch.nn.functional.one_hot(labels, k).to(dtype)
    sure = (Z + b.to(dtype)).double()
    q, w, theta = sure.softmax(1), weight.double(), torch.empty_like(Z)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 1e-12, "atol": 1e-13}
    for given, Y in ((labels, hard), (hard, hard), (soft, soft)):
        sums = wide_softmax_pass(Z, b, given, weight, theta)
        torch.testing.assert_close(theta.double(), Y.double() - q, **close)
        torch.testing.assert_close(sums.probability, w @ q, **close)
        torch.testing.assert_close(sums.squares, w @ q.square(), **close)
        assert sums.loss == pytest.approx(float(-(w[:, None] * Y * sure.log_softmax(1)).sum()), rel=close["rtol"])
        assert not ((theta != 0) & (theta.abs() < torch.finfo(dtype).tiny)).any()


@pytest.mark.parametrize("k", [3, 10, 40])
def test_the_loss_of_well_classified_rows_keeps_its_digits(k: int) -> None:
    """Logits of some thirty in float32: as a difference of two sums of their size, the loss would be known to 1e-6."""
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(k, (300,), generator=generator)
    Y = torch.nn.functional.one_hot(label, k).double()
    Z = (3 * torch.randn(300, k, generator=generator) + 30 * Y + 17).float()
    weight, b = torch.ones(300), torch.zeros(k, dtype=torch.float64)
    padded = padded_width(k, Z.device) - k
    arrays = (torch.nn.functional.pad(t.float(), (0, padded)) for t in (Z, Y))
    logits, targets = (t.contiguous() for t in arrays)
    found = evaluate(Multinomial(), logits, b, targets, weight, Y.sum(0)).loss
    exact = float(-(Z.double().log_softmax(1) * Y).sum())
    assert abs(found - exact) < 1e-5 * exact + 300 * 3e-9
    sides = Binomial().rows(Z[:, :1] * Y[:, :1].float(), Y[:, :1].float()).double()
    assert torch.allclose(sides, torch.nn.functional.softplus((1 - 2 * Y[:, :1]) * Z[:, :1].double() * Y[:, :1])[:, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loss", [Multinomial(), Binomial()])
def test_so_are_those_of_many_outputs(loss: Loss, dtype: torch.dtype) -> None:
    Z = -torch.logspace(-2, 3.2, 80 * 40, dtype=torch.float64).view(80, 40).to(dtype)
    theta = loss.residual(Z, torch.zeros_like(Z))
    squares = loss.mean_curvature(theta, torch.zeros_like(Z), torch.ones(80, 1, dtype=dtype))
    for made in (theta, squares):
        assert not ((made != 0) & (made.abs() < torch.finfo(dtype).tiny)).any()


FIT = """
import torch
from clearhead.glm import SolveOptions, fit_path
X, y = torch.randn(600, 12, generator=torch.Generator().manual_seed(0)), torch.arange(600) % 3
fit_path(X, y, n_lambdas=3)
fit_path(X.half(), y, n_lambdas=3, options=SolveOptions(memory=1))
"""


def test_another_process_finds_every_kernel_compiled() -> None:
    """Kernels close over other kernels, which numba by itself takes for new ones in each process."""
    for _ in range(2):
        environment = {**os.environ, "NUMBA_DEBUG_CACHE": "1"}
        done = subprocess.run([sys.executable, "-c", FIT], env=environment, capture_output=True, text=True, check=True)
        kept = done.stdout.count("data saved"), done.stdout.count("data loaded")
    assert kept[0] == 0
    assert kept[1] > 5


def test_kernels_that_close_over_other_values_have_other_names() -> None:
    """Of one name, code that different processes stored would be linked to the wrong one."""
    made = [times_rows(bits, kind) for bits, kind in ((32, 0), (32, 1), (32, 2), (64, 0))]
    assert len({kernel.py_func.__qualname__ for kernel in made}) == 4  # type: ignore[attr-defined]
