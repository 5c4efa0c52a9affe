"""Time against certified gap: the path solver and its peers on the same λ grid and the same standardised features.

    python benchmarks/solver.py --quick              # the main row, small sizes, families; under 20 minutes
    python benchmarks/solver.py --full               # everything; hours
    python benchmarks/solver.py --part main --no-peers

Everyone's weights are certified again here, in float64, by `clearhead.glm.certificate`. Results go to
``runs/bench/solver.json``; `benchmarks/solver_report.py` draws them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clearhead.core.artifacts import read_json, write_json
from clearhead.features import FeatureTable
from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial, fit_path
from clearhead.glm.certificate import certify
from clearhead.glm.path import lambda_grid
from clearhead.glm.problem import Problem
from solver_peers import available, glmnet, python_peer

HERE = Path(__file__).resolve().parents[1]
FEATURES = HERE.parent / "shared" / "data" / "features" / "cifar10_mobilenetv2_train.npz"
OUT = HERE / "runs" / "bench" / "solver.json"
ALPHA = 0.99
PACKAGES_OF = {"gaussian": ["skglm", "adelie"], "binomial": ["skglm", "adelie"], "grouped": ["adelie"]}
TEXT = HERE / "runs" / "tables" / "sst2"  # MiniLM features of SST-2's training sentences, made by `clearhead run`


def features(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    data = np.load(FEATURES)
    return torch.from_numpy(data["features"][:n].astype(np.float32)), torch.from_numpy(data["labels"][:n].astype(int))


def synthetic(n: int, p: int, k: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """ReLU features with a low-rank common part, labels from a sparse head with noise."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 40, generator=generator) @ torch.randn(40, p, generator=generator) * 0.3
    X = (common + torch.randn(n, p, generator=generator)).relu_()
    W = torch.randn(p, k, generator=generator) * (torch.rand(p, k, generator=generator) < 0.05)
    Z = X @ W
    gumbel = -torch.log(-torch.log(torch.rand(n, k, generator=generator).clamp(1e-9, 1 - 1e-7)))
    return X, (Z / Z.std() * 3 + gumbel).argmax(1)


def timed(work: Callable[[], Any], repeats: int) -> tuple[list[float], Any]:
    seconds, result = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return seconds, result


def read_seconds(X: torch.Tensor) -> float:
    return statistics.median(timed(lambda: X.sum(), 15)[0])


def ours(X: torch.Tensor, y: torch.Tensor, tol: float, repeats: int, **keywords: Any) -> dict[str, Any]:
    seconds, path = timed(lambda: fit_path(X, y, tol=tol, **keywords), repeats)
    return {
        "solver": "clearhead",
        "tol": tol,
        "seconds": statistics.median(seconds),
        "all_seconds": seconds,
        "gaps": [s.gap for s in path],
        "objectives": [s.objective for s in path],
        "nonzeros": [s.nonzeros for s in path],
        "steps": sum(s.n_iter for s in path),
        "reads": sum(s.info["reads"] for s in path),
        "statuses": {s.name: n for s, n in path.statuses().items()},
    }


def peer(
    X: torch.Tensor, y: torch.Tensor, loss: Any, penalty: Any, lambdas: list[float], who: str | float
) -> dict[str, Any]:
    """A peer on the same standardised features and grid, certified like ours: a package, or glmnet's ``thresh``."""
    problem = Problem.build(X.double(), y, loss)
    Z = problem.design.Z.numpy()
    family = loss.name if not penalty.grouped else "grouped"
    target = y.double().numpy()
    unit = target.std() if loss.name == "gaussian" and not isinstance(who, str) else 1.0
    grid = [v / unit for v in lambdas]  # glmnet scales y, which changes the ridge part
    if isinstance(who, str):
        seconds, coefs, intercepts = python_peer(who, Z, target, family, ALPHA, grid)
    else:
        seconds, coefs, intercepts = glmnet(Z, target / unit, family, ALPHA, grid, who)
    gaps, objectives = [], []
    for lambda_, W, b in zip(lambdas, coefs, intercepts, strict=True):
        coef = torch.from_numpy(W * unit)
        point = certify(problem, penalty, lambda_, coef, problem.logits(coef), torch.from_numpy(b * unit))
        gaps.append((point.objective - point.dual) / problem.null[1])
        objectives.append(point.objective)
    name = who if isinstance(who, str) else f"glmnet {who:g}"
    return {"solver": name, "seconds": seconds, "gaps": gaps, "objectives": objectives}


def row(name: str, X: torch.Tensor, y: torch.Tensor, loss: Any, penalty: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """One line of the table: ours at each tolerance, then glmnet where asked and present."""
    problem = Problem.build(X, y, loss)
    lambdas = lambda_grid(penalty.lambda_max(problem.null[2]), plan.get("n_lambdas", 100), 1e-3)
    null = problem.null[1]
    del problem
    fit_path(X[:500], y[:500] if loss.name == "gaussian" else _some(y), loss=loss, penalty=penalty, n_lambdas=3)
    results = [
        ours(X, y, tol, plan.get("repeats", 3), loss=loss, penalty=penalty, lambdas=lambdas) for tol in plan["tols"]
    ]
    for who in plan.get("peers", ()):
        results.append(peer(X, y, loss, penalty, lambdas, who))
    return {
        "name": name,
        "shape": [*X.shape, int(y.max()) + 1 if loss.name != "gaussian" else 1],
        "read_seconds": read_seconds(X),
        "threads": torch.get_num_threads(),
        "null_loss": null,
        "results": results,
    }


def _some(y: torch.Tensor) -> torch.Tensor:
    """Labels for a warm-up fit that compiles the kernels: every class occurs."""
    k = int(y.max()) + 1
    return torch.arange(500) % k


def plans(full: bool) -> dict[str, Callable[[bool], dict[str, Any]]]:
    """Name → the row, given whether peers are wanted."""

    def main(peers: bool) -> dict[str, Any]:
        plan = {"tols": [1e-3, 1e-6], "repeats": 3 if full else 1, "peers": [1e-7] if peers else []}
        return row("main", *features(20000), Multinomial(), ElasticNet(ALPHA), plan)

    def table(n: int) -> Callable[[bool], dict[str, Any]]:
        def build(peers: bool) -> dict[str, Any]:
            plan = {"tols": [1e-3, 1e-4], "repeats": 3, "peers": [1e-7] if peers else []}
            return row(f"table36-{n}", *features(n), Multinomial(), ElasticNet(ALPHA), plan)

        return build

    def family(name: str, loss: Any, penalty: Any, n: int) -> Callable[[bool], dict[str, Any]]:
        def build(peers: bool) -> dict[str, Any]:
            X, y = features(n)
            y = (y == 3).long() if loss.name == "binomial" else y
            y = y.double() if loss.name == "gaussian" else y
            others = [] if not peers else [1e-7, *PACKAGES_OF[name]]
            return row(name, X, y, loss, penalty, {"tols": [1e-3, 1e-6], "repeats": 3, "peers": others})

        return build

    def text(peers: bool) -> dict[str, Any]:
        table = FeatureTable.open(TEXT)
        rows = np.flatnonzero(table.columns["split"] == "train")
        X, y = table.take(torch.from_numpy(rows)).float(), torch.as_tensor(table.labels)[torch.from_numpy(rows)]
        others = [1e-7, "skglm", "adelie", "sklearn"] if peers else []
        return row("text", X, y, Binomial(), ElasticNet(ALPHA), {"tols": [1e-3, 1e-6], "repeats": 3, "peers": others})

    def wide(_peers: bool) -> dict[str, Any]:
        return row(
            "synthetic-50k",
            *synthetic(50000, 2048, 10),
            Multinomial(),
            ElasticNet(ALPHA),
            {"tols": [1e-3], "repeats": 1},
        )

    def many(_peers: bool) -> dict[str, Any]:
        plan = {"tols": [1e-3], "repeats": 1, "n_lambdas": 10}
        return row("k1000", *synthetic(50000, 2048, 1000), Multinomial(), ElasticNet(ALPHA), plan)

    size = 20000 if full else 5000
    parts = {"main": main, **{f"table36-{n}": table(n) for n in (1000, 2000, 3000, 4000, 5000)}}
    parts |= {
        "gaussian": family("gaussian", Gaussian(), ElasticNet(ALPHA), size),
        "binomial": family("binomial", Binomial(), ElasticNet(ALPHA), size),
        "grouped": family("grouped", Multinomial(), GroupElasticNet(ALPHA), size),
    }
    parts |= {"text": text} if TEXT.is_dir() else {}
    return parts | ({"synthetic-50k": wide, "k1000": many} if full else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="under 20 minutes (default)")
    size.add_argument("--full", action="store_true", help="everything, hours")
    parser.add_argument("--part", action="append", help="only these rows")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    peers = not arguments.no_peers and available()
    parts = plans(arguments.full)
    stored = read_json(OUT) if OUT.is_file() else {}
    for name in arguments.part or parts:
        stored[name] = parts[name](peers)
        write_json(OUT, stored)
        for result in stored[name]["results"]:
            short = {k: result[k] for k in ("solver", "tol", "seconds", "steps", "reads", "statuses") if k in result}
            print(name, json.dumps({**short, "worst_gap": max(result["gaps"])}), flush=True)
        print(name, "one read of X:", stored[name]["read_seconds"], "s", flush=True)


if __name__ == "__main__":
    main()
