"""Under torchrun one, two and three processes, dense and streamed, find the same path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def launch(ranks: int, out: Path, memory: int) -> list[tuple[torch.Tensor, float]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    worker = str(ROOT / "tests" / "scale" / "worker.py")
    subprocess.run([*command, worker, str(out), str(memory)], env=environment, check=True, capture_output=True)
    return [torch.load(f"{out}.{rank}", weights_only=True) for rank in range(ranks)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    return launch(1, tmp_path_factory.mktemp("alone") / "path", 0)[0][0]


@pytest.mark.parametrize(("ranks", "memory"), [(2, 0), (3, 0), (1, 100_000), (2, 100_000)])
def test_ranks_find_the_same_path(alone: torch.Tensor, tmp_path: Path, ranks: int, memory: int) -> None:
    results = launch(ranks, tmp_path / "path", memory)
    for coef, gap in results:
        assert gap <= 1e-9
        assert torch.equal(coef, results[0][0])
        assert float((coef - alone).abs().max()) <= 1e-4
