"""A certified path of ImageNet's size on one GPU: 1.28M × 2,048 ReLU features, 1,000 classes, 100 λ's, gap ≤ 1e-3.

    scripts/bench gpu                        # the row itself (bar: 120 s)
    scripts/bench gpu --small --device cpu   # the same code at a size that any machine takes, under five minutes

The features are those of a random ReLU layer on clustered inputs, a cluster or two a class, made on the device and
stored there as float16 (or bfloat16, or float8 codes). The plan is printed first, from speeds measured on the device;
afterwards each kernel is timed at this size against its roofline. Prints JSON lines and writes runs/bench/gpu.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import write_json
from clearhead.core.memory import parse_bytes
from clearhead.core.quantized import QuantizedRows, quantize
from clearhead.core.rows import as_rows
from clearhead.glm import Multinomial, SolveOptions, fit_path
from clearhead.glm.designs import StoredDesign
from clearhead.glm.designs.stored import stored_size
from clearhead.glm.problem import Problem
from clearhead.runs.measuring import measure
from clearhead.runs.plan import plan
from clearhead.runs.roofline import Roofline
from clearhead.runs.workload import Job

HOME = Path(__file__).resolve().parents[1] / "runs" / "bench"
INPUTS = 256  # dimensions of the clustered inputs
BLOCK = 65536
FULL = {"n": 1_280_000, "p": 2048, "k": 1000, "lambdas": 100}
SMALL = {"n": 8000, "p": 256, "k": 100, "lambdas": 20}


def clustered(n: int, p: int, k: int, device: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Features (n, p) in half precision and labels (n,): relu(u·A) for u around one of two centres a class; a label in
    twenty is wrong, so that no head fits perfectly."""
    draw = torch.Generator(device=device).manual_seed(0)
    centres = torch.randn(2 * k, INPUTS, device=device, generator=draw)
    A = torch.randn(INPUTS, p, device=device, generator=draw) / INPUTS**0.5
    X = torch.empty(n, p, device=device, dtype=dtype)
    y = torch.arange(n, device=device) % k  # every class occurs
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        side = torch.randint(2, (stop - start,), device=device, generator=draw)
        noise = torch.randn(stop - start, INPUTS, device=device, generator=draw)
        X[start:stop] = ((centres[2 * y[start:stop] + side] + 2 * noise) @ A).relu_()
    wrong = torch.rand(n, device=device, generator=draw) < 0.05
    y = torch.where(wrong, torch.randint(k, (n,), device=device, generator=draw), y)
    y[:k] = torch.arange(k, device=device)
    return X, y.cpu()


def synchronized(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def path(X: Tensor | QuantizedRows, y: Tensor, a: argparse.Namespace) -> dict[str, Any]:
    marks: list[float] = []

    def note(index: int, solution: Any) -> bool:
        marks.append(synchronized(a.device))
        print(json.dumps({"lambda": index, "gap": solution.gap, "steps": solution.n_iter}), flush=True)
        return False

    began = synchronized(a.device)
    memory = None if a.memory is None else parse_bytes(a.memory)
    options = SolveOptions(callback=note, time_limit=a.limit, memory=memory)
    found = fit_path(X, y, n_lambdas=a.lambdas, lambda_min_ratio=1e-3, tol=1e-3, device=a.device, options=options)
    seconds = synchronized(a.device) - began
    return {
        "what": "path",
        "seconds": seconds,
        "bar": 120 if not a.small else None,
        "lambdas": len(found),
        "worst_gap": found.worst_gap,
        "steps": sum(s.n_iter for s in found),
        "reads": sum(s.info["reads"] for s in found),
        "statuses": {s.name: count for s, count in found.statuses().items()},
        "seconds_a_lambda": [later - earlier for earlier, later in zip([began, *marks], marks, strict=False)],
        "peak_memory": torch.cuda.max_memory_allocated(a.device) if a.device.startswith("cuda") else None,
    }


def kernels(
    X: Tensor | QuantizedRows, y: Tensor, a: argparse.Namespace, roofline: Roofline
) -> Iterator[dict[str, Any]]:
    """Seconds of each kernel of a step at this size, and what share of its roofline it reaches."""
    problem = Problem.build(X, y, Multinomial(), device=a.device)
    n, p, k = *problem.design.shape, problem.n_outputs
    W = torch.full((p, k), 1e-3, dtype=problem.dtype, device=problem.device)
    logits, b = problem.logits(W), torch.zeros(k, dtype=torch.float64, device=problem.device)
    theta = problem.fit(logits, b).theta
    features = torch.arange(p, device=problem.device)
    size, wide = problem.dtype.itemsize, problem.width
    halves = isinstance(problem.design, StoredDesign)
    stored, rate = (
        (stored_size(as_rows(X)) or size, roofline.halves or roofline.gemm) if halves else (size, roofline.gemm)
    )
    moved, terms = n * (stored * p + size * wide), 2 if halves else 1
    works: dict[str, tuple[Callable[[], Any], float, float]] = {  # the call, bytes moved, seconds of its operations
        "Z·W": (lambda: problem.design.times(W), moved, 2.0 * terms * n * p * wide / rate),
        "Zᵀ·T": (lambda: problem.design.against(theta, k), moved, 2.0 * terms * n * p * wide / rate),
        "softmax": (lambda: problem.fit(logits, b), size * n * 2 * wide, 0.0),
        "Gram matrix": (
            lambda: problem.design.gram(features, features), stored * n * p, 2.0 * n * p * p / roofline.gemm,
        ),
    }  # fmt: skip
    for name, (call, moved, computing) in works.items():
        seconds = []
        for _ in range(3):
            began = synchronized(a.device)
            call()
            seconds.append(synchronized(a.device) - began)
        bound = max(moved / roofline.read, computing)
        yield {"what": name, "seconds": min(seconds), "roofline_seconds": bound, "share": bound / min(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--storage", choices=["float16", "bfloat16", "float8"], default="float16")
    for name in FULL:
        parser.add_argument(f"--{name}", type=int, help="instead of the size's own")
    parser.add_argument("--limit", type=float, default=540.0, help="seconds after which the path stops")
    parser.add_argument("--memory", help="instead of a share of what is free: less makes logits anew by blocks")
    a = parser.parse_args()
    for name, value in (SMALL if a.small else FULL).items():
        setattr(a, name, getattr(a, name) or value)
    if a.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("no GPU here: --small --device cpu runs the same code")
    results: list[dict[str, Any]] = []

    def keep(result: dict[str, Any]) -> None:
        results.append(result)
        print(json.dumps(result), flush=True)
        write_json(HOME / "gpu.json", {"size": {name: getattr(a, name) for name in FULL}, "results": results})

    roofline = measure(HOME, a.device)
    memory = None if a.memory is None else parse_bytes(a.memory)
    job = Job(a.n, a.p, a.k, lambdas=a.lambdas, tol=1e-3, memory=memory)
    expected = plan(job, roofline)
    keep(
        {
            "what": "plan",
            "form": expected.form,
            "blockwise": expected.blockwise,
            "predicted": expected.total,
            "text": expected.text(),
        }
    )
    X, y = clustered(a.n, a.p, a.k, a.device, torch.float16 if a.storage == "float8" else getattr(torch, a.storage))
    X = quantize(X) if a.storage == "float8" else X
    fit_path(
        clustered(4 * a.k, a.p, a.k, a.device, torch.float16)[0],
        torch.arange(4 * a.k) % a.k,
        n_lambdas=2,
        device=a.device,
    )  # compiles, loads libraries
    keep(path(X, y, a))
    for result in kernels(X, y, a, roofline):
        keep(result)


if __name__ == "__main__":
    main()
