"""Several processes given the same command share an extraction; another command waits outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clearhead.core.artifacts import lock
from clearhead.core.errors import LockedError
from clearhead.features.table import FeatureTable
from clearhead.runs.run import Run

SLOW = """
import time
import numpy as np
from PIL import Image
from clearhead.features import in_memory

class Slow:
    def __len__(self):
        return 60

    def __getitem__(self, i):
        time.sleep(0.05)
        return Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8))

def images():
    return in_memory(Slow(), [i % 3 for i in range(60)], ["blue", "green", "red"], key="slow images")
"""


@pytest.mark.slow
def test_two_commands_share_one_extraction(world: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    model, data = f"{world / 'network.py'}:network", f"{tmp_path / 'slow.py'}:images"
    command = [sys.executable, "-m", "clearhead", "extract", "--model", model, "--data", data, "--json", "--quiet"]
    shared = [subprocess.Popen([*command, "--out", str(tmp_path / "run")], stdout=subprocess.PIPE) for _ in range(2)]
    said = [json.loads(process.communicate()[0]) for process in shared]
    assert [process.returncode for process in shared] == [0, 0]
    assert said[0]["key"] == said[1]["key"]
    table = FeatureTable.open(tmp_path / "run" / "features", verify=True)
    assert table.shape == (60, 24)
    assert Run(tmp_path / "run").record.key("extract") is not None
    assert torch.equal(Run(tmp_path / "run").table.take(torch.arange(60)), table.take(torch.arange(60)))


def test_a_run_that_is_being_written_is_left_alone(sources: dict[str, str], tmp_path: Path) -> None:
    with lock(tmp_path / "run"), pytest.raises(LockedError, match="another process"):
        Run(tmp_path / "run", **sources).extract()
    with lock(tmp_path / "run", shared=True), pytest.raises(LockedError), lock(tmp_path / "run"):
        pass
    with lock(tmp_path / "run", shared=True), lock(tmp_path / "run", shared=True):
        pass
