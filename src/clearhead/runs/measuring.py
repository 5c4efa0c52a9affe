"""The measurements behind a roofline: memory, disk, large products and the solver's own kernels, in half a minute."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.memory import available_memory
from clearhead.core.progress import Progress, Silent
from clearhead.core.rows import TensorRows
from clearhead.core.scaling import Standardizer
from clearhead.glm import Binomial, ElasticNet, Multinomial, fit_path
from clearhead.glm.block import Block
from clearhead.glm.designs.streamed import StreamedDesign
from clearhead.glm.fit import FULL_CURVATURE, evaluate
from clearhead.glm.losses import Loss
from clearhead.glm.products import padded_width, product, transposed_product
from clearhead.glm.solvers.inner import minimise
from clearhead.glm.solvers.model import Effort, Model, model_width
from clearhead.glm.split import tensor_cores
from clearhead.runs.roofline import Rate, Roofline

__all__ = ["measure"]

OUTPUTS = (1, 5, 10, 40, 100)
FEATURES = 1024
ROWS = (1024, 4096, 32768)  # 4 MB, 16 MB and 128 MB of float32: inside and outside of caches
WORKING_SETS = (256, 1024)
BIG = 64 << 20  # numbers whose sum tells the bandwidth of memory: 256 MB
FILE = 256 << 20  # bytes read from disk
SQUARE = 2048
STREAMED = 32768  # rows read as float16 and standardised
SWEEPS = 8
SECANT_PAIRS = 8


def measure(cache: Path, device: str = "cpu", progress: Progress | None = None) -> Roofline:
    """Measure this process's device with its threads; ``cache`` is the folder whose disk is read.

    Each figure is the best of a few repeats: what else runs on the machine slows single repeats. With one thread it is
    time on the processor, which does not count what others took.
    """
    progress = progress or Silent()
    progress.start("measuring", 5)
    place = torch.device(device)
    read = 4 * BIG / _best(torch.ones(BIG, device=place).sum, place, 5)
    square = torch.ones(SQUARE, SQUARE, device=place)
    gemm = 2 * SQUARE**3 / _best(lambda: square @ square, place, 4)
    progress.advance(1, "memory and large products")
    disk = _disk(cache)
    progress.advance(1, "disk")
    rates = [*_products(place), *_products_of_halves(place), *_softmax(place)]
    progress.advance(1, "the solver's products")
    rates += _descents(place)
    progress.advance(1, "inner solves")
    overhead = _overhead(place)
    progress.advance(1, "steps")
    progress.finish()
    return Roofline(
        device=device if device != "cpu" else "this machine's CPU",
        measured=True,
        threads=torch.get_num_threads(),
        memory=available_memory() if place.type == "cpu" else torch.cuda.mem_get_info(place)[1],
        read=read,
        gemm=gemm,
        disk=disk,
        widen=_widen(place),
        link=min(read / 4, 1e9 if place.type == "cpu" else read),
        overhead=overhead,
        rates=rates,
        halves=_rate_of_halves(place),
        note=f"{time.strftime('%Y-%m-%d %H:%M')}, load {os.getloadavg()[0]:.1f}; link between ranks not measured",
    )


def _best(work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """Seconds of the fastest of ``repeats`` after one to warm up."""
    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    seconds = []
    for _ in range(1 + repeats):
        began = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(clock() - began)
    return max(min(seconds[1:]), 1e-9)


def _disk(cache: Path) -> float:
    """Bytes a second of blocks read in order from a file that the system's cache does not hold."""
    cache.mkdir(parents=True, exist_ok=True)
    block = os.urandom(1 << 20) * 8
    with tempfile.NamedTemporaryFile(dir=cache) as file:
        for _ in range(FILE // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        buffer = mmap.mmap(-1, len(block))
        began = time.perf_counter()
        with open(file.name, "rb", buffering=0) as reader:
            while reader.readinto(buffer):
                pass
        return FILE / (time.perf_counter() - began)


def _products(device: torch.device) -> Iterator[Rate]:
    generator = torch.Generator().manual_seed(0)
    for n in ROWS:
        Z = torch.rand(n, FEATURES, generator=generator).to(device)
        size = Z.numel() * 4
        repeats = 3 if n == ROWS[-1] else 8
        for k in OUTPUTS:
            W = torch.rand(FEATURES, k, generator=generator).to(device)
            T = torch.rand(n, padded_width(k, device), generator=generator).to(device)
            forward = _best(lambda Z=Z, W=W: product(Z, W), device, repeats)  # type: ignore[misc]
            back = _best(lambda Z=Z, T=T, k=k: transposed_product(Z, T, k), device, repeats)  # type: ignore[misc]
            yield Rate("times", k, size, forward / Z.numel())
            yield Rate("against", k, size, back / Z.numel())


def _products_of_halves(device: torch.device) -> Iterator[Rate]:
    """The products of features kept as float16, where there are tensor cores for them."""
    if not tensor_cores(device):
        return
    raw = torch.rand(ROWS[-1], FEATURES, device=device).half()
    block = Block(raw, raw.float().mean(0), torch.ones(FEATURES, device=device))
    for k in OUTPUTS:
        W, T = torch.rand(FEATURES, k, device=device), torch.rand(len(raw), k, device=device)
        forward = _best(lambda W=W: block.times(W), device, 8)  # type: ignore[misc]
        back = _best(lambda T=T, k=k: block.against(T, k), device, 8)  # type: ignore[misc]
        yield Rate("times halves", k, 2 * raw.numel(), forward / raw.numel())
        yield Rate("against halves", k, 2 * raw.numel(), back / raw.numel())


def _rate_of_halves(device: torch.device) -> float:
    if not tensor_cores(device):
        return 0.0
    square = torch.ones(4 * SQUARE, 4 * SQUARE, device=device, dtype=torch.float16)
    return 2 * (4 * SQUARE) ** 3 / _best(lambda: torch.mm(square, square, out_dtype=torch.float32), device, 4)


def _softmax(device: torch.device) -> Iterator[Rate]:
    n = 16384
    for k in OUTPUTS:
        width, loss = padded_width(k, device), Multinomial() if k > 1 else Binomial()
        logits, targets = torch.rand(n, width, device=device), torch.zeros(n, width, device=device)
        targets[:, 0] = 1
        b, weight = torch.zeros(k, device=device), torch.ones(n, device=device)
        sums = targets[:, :k].double().sum(0)
        seconds = _best(_pass(loss, (logits, b.double(), targets, weight, sums)), device, 4)
        yield Rate("softmax", k, 4 * n, seconds / n)


def _pass(loss: Loss, arrays: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]) -> Callable[[], Any]:
    return lambda: evaluate(loss, *arrays)


def _descents(device: torch.device) -> Iterator[Rate]:
    """Sweeps over dense Gram matrices in which every feature moves, with a correction of a few secant pairs."""
    generator = torch.Generator().manual_seed(0)
    for a in WORKING_SETS:
        X = torch.rand(2 * a, a, generator=generator)
        X -= X.mean(0)
        gram = (X.T @ X / (2 * a) * 12).to(device)
        for k in OUTPUTS:
            width = model_width(k, device)
            S = torch.zeros(width, width, device=device)
            S[:k, :k] = torch.eye(k, device=device) / max(k, 2) - 1 / max(k, 2) ** 2
            S = S.diagonal().contiguous() if k > FULL_CURVATURE else S
            pairs = torch.zeros(SECANT_PAIRS, a, width, device=device)
            slope = torch.rand(a, k, generator=generator).to(device) / k
            model = Model(gram, S, pairs, pairs, slope, torch.arange(a, device=device))
            start = torch.zeros(a, k, device=device)

            def work(model: Model = model, start: Tensor = start) -> Tensor:
                return minimise(model, start, ElasticNet(0.99), 1e-4, Effort(SWEEPS, 0.0, math.inf))

            yield Rate("descent", k, 4 * a * a, _best(work, device, 2) / (SWEEPS * a * a * k))


def _widen(device: torch.device) -> float:
    """Elements a second of float16 rows that a streamed pass standardises; on a CPU, with their product for ten
    outputs, for they are standardised while they are multiplied."""
    rows = torch.rand(STREAMED, FEATURES).half()
    scaler = Standardizer(torch.zeros(FEATURES).double(), torch.ones(FEATURES).double())
    design = StreamedDesign(TensorRows(rows), scaler, torch.ones(len(rows)), float(len(rows)), device)
    T = torch.zeros(len(rows), padded_width(10, device), device=device)

    def work() -> None:
        for span, block in design.blocks():
            if device.type == "cpu":
                block.against(T[span], 10)
            else:
                block.dense()

    return rows.numel() / _best(work, device, 2)


def _overhead(device: torch.device) -> float:
    """Seconds of a certificate with its share of a step on a problem too small for anything else to count."""
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(300, 20, generator=generator)
    y = torch.arange(300) % 5
    X[:, 0] += y
    found: list[int] = []

    def work() -> None:
        path = fit_path(X, y, n_lambdas=20, tol=1e-3, device=device)
        found.append(sum(s.n_iter for s in path) + len(path))

    return _best(work, device, 2) / found[-1]
