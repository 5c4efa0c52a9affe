"""Under torchrun one, two and three processes, dense, streamed and with logits made anew, find the same path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def launch(ranks: int, out: Path, memory: int, tol: float) -> list[tuple[torch.Tensor, float]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    worker = str(ROOT / "tests" / "scale" / "worker.py")
    subprocess.run(
        [*command, worker, str(out), str(memory), str(tol)], env=environment, check=True, capture_output=True
    )
    return [torch.load(f"{out}.{rank}", weights_only=True) for rank in range(ranks)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[float, torch.Tensor]:
    folder = tmp_path_factory.mktemp("alone")
    return {tol: launch(1, folder / f"{tol}", 0, tol)[0][0] for tol in (1e-9, 1e-12)}


# 500 and 300 kB hold the arrays of rows × outputs of one and two ranks but not their rows, 100 kB neither.
# Dense ranks take the steps of one process. A streamed solve takes others, and weights of two points whose gaps are
# within 1e-9 may differ by 1e-3 at these λ's (the dense solve is 9e-4 from the optimum itself): there, 1e-12.
@pytest.mark.parametrize(
    ("ranks", "memory", "tol"),
    [(2, 0, 1e-9), (3, 0, 1e-9), (1, 500_000, 1e-12), (2, 300_000, 1e-12), (1, 100_000, 1e-12), (3, 100_000, 1e-12)],
)
def test_ranks_find_the_same_path(
    alone: dict[float, torch.Tensor], tmp_path: Path, ranks: int, memory: int, tol: float
) -> None:
    results = launch(ranks, tmp_path / "path", memory, tol)
    for coef, gap in results:
        assert gap <= tol
        assert torch.equal(coef, results[0][0])
        assert float((coef - alone[tol]).abs().max()) <= 1e-4
