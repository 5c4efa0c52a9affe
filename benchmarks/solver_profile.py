"""Where the solver's time goes, and how far each kernel is from what the machine can do.

    python benchmarks/solver_profile.py [--row multinomial-20000] [--tol 1e-3]

Prints a Markdown table: the kernels' seconds, the bytes they must read from memory and the multiply-adds that they must
do, the time that these would take at the measured bandwidth (one pass of `X.sum()`) or at the speed of a large matrix
product, and the ratio. Coordinate descent runs on one core and is held against one core's speed; its Gram matrix stays
in the cache. The clocks around the kernels cost less than a thousandth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from clearhead.glm import fit_path, row_arrays
from clearhead.glm.bundle import DualBundle
from clearhead.glm.designs import dense
from clearhead.glm.kernels import descent
from clearhead.glm.problem import Problem
from clearhead.glm.solvers import model
from clearhead.glm.solvers.secant import SecantMemory
from solver_ours import read_seconds, warm
from solver_rows import ROWS, grid

EXPONENTIAL = 30.0  # operations a logit beside the outer product: its exponential, sums and the residual


@dataclass
class Part:
    """Calls, seconds, bytes from memory, and operations (two for each multiply-add) on ``cores`` cores."""

    cores: int = 2
    calls: int = 0
    seconds: float = 0.0
    size: float = 0.0
    operations: float = 0.0


def clocked(owner: Any, name: str, part: Part, work: Callable[..., tuple[float, float]] | None = None) -> None:
    """Put a clock around ``owner.name``; ``work(result, *arguments)`` gives bytes and operations of a call."""
    inner = getattr(owner, name)

    def outer(*arguments: Any, **keywords: Any) -> Any:
        began = time.perf_counter()
        result = inner(*arguments, **keywords)
        part.seconds += time.perf_counter() - began
        part.calls += 1
        if work is not None:
            size, operations = work(result, *arguments)
            part.size, part.operations = part.size + size, part.operations + operations
        return result

    setattr(owner, name, outer)


def clocked_descent(part: Part) -> None:
    """Coordinate descent: each visited row changes the slopes of all rows, and goes through the secant pairs twice."""
    make = descent.entry_descent

    def kernel(bits: int, width: int) -> Callable[..., int]:
        inner = make(bits, width)

        def outer(*arguments: Any) -> int:
            began = time.perf_counter()
            visited = inner(*arguments)
            part.seconds += time.perf_counter() - began
            part.calls += 1
            (k, a), m = arguments[2].shape, arguments[8].shape[1]
            part.operations += 2.0 * visited * k * (a + descent.BLOCK / 2 + 2 * m + 2 * k)
            return visited

        return outer

    descent.entry_descent = kernel


def parts() -> dict[str, Part]:
    """The kernels, with clocks around them from now on."""
    found = {
        "coordinate descent": Part(cores=1),
        "Zᵀ·θ": Part(),
        "Z·Δ": Part(),
        "Gram matrix": Part(),
        "softmax pass": Part(),
        "G·Δ in conjugate gradients": Part(),
        "secant correction": Part(cores=1),
        "mixtures of dual points": Part(cores=1),
    }

    def product(result: Any, Z: Any, other: Any, outputs: int | None = None) -> tuple[float, float]:
        return Z.numel() * Z.element_size(), 2.0 * Z.numel() * (outputs or other.shape[1])

    def gram(_result: Any, design: Any, left: Any, right: Any) -> tuple[float, float]:
        return 0.0, 2.0 * design.shape[0] * len(left) * len(right)

    def softmax(_result: Any, _loss: Any, logits: Any, *_rest: Any) -> tuple[float, float]:
        lanes = logits.shape[1]
        return 2.0 * logits.numel() * logits.element_size(), logits.numel() * (2.0 * lanes + EXPONENTIAL)

    clocked_descent(found["coordinate descent"])
    clocked(model, "product", found["G·Δ in conjugate gradients"], product)
    clocked(dense, "transposed_product", found["Zᵀ·θ"], product)
    clocked(dense, "product", found["Z·Δ"], product)
    clocked(dense.DenseDesign, "gram", found["Gram matrix"], gram)
    clocked(row_arrays, "evaluate", found["softmax pass"], softmax)
    clocked(SecantMemory, "correction", found["secant correction"])
    clocked(DualBundle, "best", found["mixtures of dual points"])
    return found


def speed(threads: int) -> float:
    """Operations a second of a product of two 2,048 × 2,048 matrices in float32."""
    torch.set_num_threads(threads)
    A, seconds = torch.randn(2048, 2048), []
    for _ in range(7):
        began = time.perf_counter()
        A @ A
        seconds.append(time.perf_counter() - began)
    return 2.0 * 2048**3 / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--row", default="multinomial-20000", choices=[n for n, r in ROWS.items() if not r.penalty.grouped]
    )
    parser.add_argument("--tol", type=float, default=1e-3)
    a = parser.parse_args()
    row = ROWS[a.row]
    speeds = {threads: speed(threads) for threads in (1, 2)}
    warm(row)
    X, y = row.data()
    read, lambdas = read_seconds(X), grid(Problem.build(X, y, row.loss), row)
    rate, found = X.numel() * X.element_size() / read, parts()
    began = time.perf_counter()
    path = fit_path(X, y, loss=row.loss, penalty=row.penalty, lambdas=lambdas, tol=a.tol)
    whole = time.perf_counter() - began
    steps, reads = sum(s.n_iter for s in path), sum(s.info["reads"] for s in path)
    print(f"{a.row} at {a.tol:g}: {whole:.2f} s, {steps} outer steps, {reads:.0f} products with X; one read of X takes")
    print(f"{1e3 * read:.2f} ms ({rate / 1e9:.1f} GB/s), so {whole / read:,.0f} reads; a matrix product runs at")
    print(f"{speeds[1] / 1e9:.0f} GFLOP/s on one core and {speeds[2] / 1e9:.0f} on two.\n")
    print("| part | calls | seconds | of the time | limit, seconds | times the limit |\n|---|---|---|---|---|---|")
    for name, part in sorted(found.items(), key=lambda item: -item[1].seconds):
        limit = max(part.size / rate, part.operations / speeds[part.cores])
        ends = (f"{limit:.2f}", f"{part.seconds / limit:.1f}") if limit else ("", "")
        print(f"| {name} | {part.calls} | {part.seconds:.2f} | {part.seconds / whole:.0%} | {ends[0]} | {ends[1]} |")
    left = whole - sum(part.seconds for part in found.values())
    print(f"| everything else | | {left:.2f} | {left / whole:.0%} | | |")


if __name__ == "__main__":
    main()
