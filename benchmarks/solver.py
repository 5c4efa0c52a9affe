"""Time against certified gap: the path solver and its peers on the same λ grid and the same standardised features.

    scripts/bench solver --quick                      # small sizes, and ours at 20,000 rows: under 20 minutes
    scripts/bench solver --full                       # every row against everyone: hours
    scripts/bench solver --full --part grouped-20000  # one row
    scripts/bench solver --full --only glmnet --only clearhead

Every result is stored under ``runs/bench/solver/ROW/WHO.json`` when it is there; what is stored is not measured again
without ``--again``. Everyone runs in a process of its own on two threads, and everyone's weights are certified again
here in float64 by `clearhead.glm.certificate`. `benchmarks/solver_report.py` draws and tabulates the results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from clearhead.core.artifacts import write_json
from clearhead.glm.certificate import certify
from clearhead.glm.problem import Problem
from solver_peers import Outcome, missing, run
from solver_rows import ALPHA, ROWS, Row, grid

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "runs" / "bench" / "solver"
LIMITS = {"quick": 30.0, "full": 330.0}  # seconds for a peer


def ours(name: str, tol: float, repeats: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "solver_ours.py"), name, str(tol), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def theirs(row: Row, who: str, limit: float) -> dict[str, Any]:
    """A peer's path and its gaps, certified like ours; glmnet scales a gaussian response, which changes its ridge."""
    X, y = row.data()
    problem = Problem.build(X.double(), y, row.loss)
    lambdas, target = grid(problem, row), y.double().numpy()
    unit = float(target.std()) if row.family == "gaussian" and who.startswith("glmnet") else 1.0
    scaled = [value / unit for value in lambdas]
    found = run(who, problem.design.Z.numpy(), target / unit, row.family, ALPHA, scaled, limit)
    gaps, objectives, nonzeros = certified(problem, row, lambdas, found, unit)
    return {
        "solver": who,
        **found.reading,
        "lambdas": [len(gaps), len(lambdas)],
        "marks": found.marks,
        "gaps": gaps,
        "objectives": objectives,
        "nonzeros": nonzeros,
        "null_loss": problem.null[1],
    }


def certified(
    problem: Problem, row: Row, lambdas: list[float], found: Outcome, unit: float
) -> tuple[list[float], list[float], list[int]]:
    """Gaps relative to the null loss, objectives and numbers of nonzero weights; the intercept is made exact."""
    gaps, objectives, nonzeros = [], [], []
    for lambda_, W, b in zip(lambdas, found.coef, found.intercept, strict=False):
        coef = torch.from_numpy(W * unit)
        point = certify(problem, row.penalty, lambda_, coef, problem.logits(coef), torch.from_numpy(b * unit))
        gaps.append((point.objective - point.dual) / problem.null[1])
        objectives.append(point.objective)
        nonzeros.append(int((coef != 0).sum()))
    return gaps, objectives, nonzeros


def works(row: Row, quick: bool) -> list[str]:
    """Who takes part in a row: clearhead at its tolerances, then the peers."""
    tols = row.tols[:1] if quick else row.tols
    return [f"clearhead:{tol:g}" for tol in tols] + list(row.peers if not quick or row.quick == "everyone" else ())


def measure(name: str, who: str, limit: float, repeats: int | None) -> dict[str, Any]:
    row = ROWS[name]
    solver, _, setting = who.partition(":")
    result = ours(name, float(setting), repeats or row.repeats) if solver == "clearhead" else theirs(row, who, limit)
    return result | {"row": name, "measured": time.strftime("%Y-%m-%d %H:%M"), "threads": 2}


def said(result: dict[str, Any]) -> str:
    done = "of {1} λ's {0}, ".format(*result["lambdas"]) if "lambdas" in result else ""
    time_taken = f"{result['seconds']:.2f} s ({result['cpu']:.2f} s of CPU, others {result['others']:.0%})"
    worst = max(result["gaps"], default=float("nan"))
    return f"{time_taken}, {done}worst gap {worst:.1e} {result.get('statuses', '')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="under 20 minutes (default)")
    size.add_argument("--full", action="store_true", help="everything, hours")
    parser.add_argument("--part", action="append", choices=list(ROWS), help="only these rows")
    parser.add_argument("--only", action="append", help="only these: clearhead, glmnet, adelie, …")
    parser.add_argument("--again", action="store_true", help="measure again what is stored")
    parser.add_argument("--limit", type=float, help="seconds for a peer")
    parser.add_argument("--repeats", type=int, help="fits by clearhead, of which the median counts")
    a = parser.parse_args()
    torch.set_num_threads(2)
    limit = a.limit or LIMITS["full" if a.full else "quick"]
    for name in a.part or [name for name, row in ROWS.items() if a.full or row.quick]:
        for who in works(ROWS[name], not a.full and not a.part):
            file = OUT / name / f"{who.replace(':', '-')}.json"
            if (a.only and not any(who.startswith(only) for only in a.only)) or (file.is_file() and not a.again):
                continue
            if reason := missing(who):
                print(f"{name} {who}: left out, needs {reason}", flush=True)
                continue
            result = measure(name, who, limit, a.repeats)
            write_json(file, result)
            print(f"{name} {who}: {said(result)}", flush=True)


if __name__ == "__main__":
    main()
