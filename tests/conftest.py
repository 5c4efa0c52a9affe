"""Fixtures and options that every floor's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from PIL import Image

settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) is not beside this checkout")
    return folder


NETWORK = """
import numpy as np, torch
from torch import nn

def preprocess(images):
    arrays = [np.asarray(image.resize((4, 4)), dtype=np.float32) / 255 for image in images]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(48, 24), nn.ReLU())
        self.fc = nn.Linear(24, 3)
        for layer in (self.body[1], self.fc):
            nn.init.normal_(layer.weight, std=0.3, generator=g)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # three features see the mean of one colour each, and the head reads them
            for c in range(3):
                self.body[1].weight[c] = torch.eye(3)[2 - c].repeat_interleave(16) / 16
                self.fc.weight[c, c] += 20

    def forward(self, x):
        return self.fc(self.body(x))

def network():
    return Net(), preprocess

def two_heads():
    class Two(Net):
        def forward(self, x):
            return self.fc(self.body(x)) + self.other(self.body(x))
    net = Two()
    net.other = nn.Linear(24, 3)
    return net, preprocess
"""
CLASSES = ["blue", "green", "red"]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``network.py`` and ``images/CLASS/NN.png``, 40 images a class."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "network.py").write_text(NETWORK)
    draw = np.random.default_rng(0)
    for c, name in enumerate(CLASSES):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(40):
            pixels = draw.integers(0, 120, (8, 8, 3), dtype=np.uint8)
            pixels[..., 2 - c] += draw.integers(0, 40, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{i:02d}.png")
    return folder


@pytest.fixture
def sources(world: Path) -> dict[str, str]:
    """The settings that name the world's network and images."""
    return {"model": f"{world / 'network.py'}:network", "data": str(world / "images")}
