"""Extraction survives SIGKILL: whatever was running, the resumed table is the uninterrupted one, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from clearhead.features.table import FeatureTable

SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
import numpy as np, torch
torch.set_num_threads(1)
from clearhead.features import Backbone, extract, in_memory
from conftest import PREPROCESS, SmallNet
torch.manual_seed(0)
backbone = Backbone.from_module(SmallNet(width=64), PREPROCESS, kind="image")
pixels = np.random.default_rng(0).integers(0, 256, (2000, 16, 16, 3), dtype=np.uint8)
forward = backbone.features_and_logits
def slowly(inputs):
    time.sleep({pause})
    return forward(inputs)
backbone.features_and_logits = slowly
extract(backbone, in_memory(pixels, np.arange(2000) % 3), sys.argv[1], batch_size=17, shard_rows=50)
"""


def start(folder: Path, pause: float) -> subprocess.Popen:
    script = SCRIPT.format(here=str(Path(__file__).parent), pause=pause)
    return subprocess.Popen([sys.executable, "-c", script, str(folder)])


def shards(folder: Path) -> int:
    return len(list(folder.glob("shard-*.safetensors")))


def content(folder: Path) -> torch.Tensor:
    return FeatureTable.open(folder, verify=True).take(torch.arange(2000))


@pytest.mark.slow
def test_five_kills_change_nothing(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert start(whole, 0).wait() == 0
    for kill in range(5):
        running = start(parts, 0.02)
        # Killed as soon as it has done some more, wherever it then is.
        while shards(parts) < 6 * (kill + 1) and running.poll() is None:
            time.sleep(0.003)
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        assert not (parts / "manifest.json").exists()
    assert start(parts, 0).wait() == 0
    assert torch.equal(content(parts), content(whole))
    assert FeatureTable.open(parts).manifest["files"] == FeatureTable.open(whole).manifest["files"]


@pytest.mark.slow
def test_processes_share_the_shards_of_one_job(tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert start(whole, 0).wait() == 0
    workers = [start(shared, 0.01) for _ in range(3)]
    while shards(shared) < 5 and all(w.poll() is None for w in workers):
        time.sleep(0.003)
    workers[0].kill()
    assert [w.wait() for w in workers] == [-signal.SIGKILL, 0, 0]
    assert torch.equal(content(shared), content(whole))
