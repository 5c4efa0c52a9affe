"""Training in two processes is training in one, resumed or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from parallel_training import curve  # isort: skip


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_follow_one(tmp_path: Path) -> None:
    """A batch of 15 is parted unevenly: each process's share counts by its rows."""
    script = Path(__file__).with_name("parallel_training.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, str(script), str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["even"] == pytest.approx(curve(30), rel=1e-5)
    assert first["uneven"] == pytest.approx(curve(15), rel=1e-5)
    assert first["resumed"] == first["uneven"]
    assert first["threads"] == 0, "a group that outlives the work may abort the process at its end"
