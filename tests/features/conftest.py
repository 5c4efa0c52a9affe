"""Small networks and data for the tests of the features floor."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import torchvision_on_cpu

torchvision_on_cpu.declare()

from clearhead.features.vision import ImagePreprocess  # noqa: E402


class SmallNet(nn.Module):
    """A convolution, a pool and a dense head on 16×16 images."""

    def __init__(self, classes: int = 3, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


PREPROCESS = ImagePreprocess(resize=16, crop=16)


@pytest.fixture
def net() -> SmallNet:
    torch.manual_seed(0)
    return SmallNet()


@pytest.fixture
def backbone(net):
    from clearhead.features.backbone import Backbone

    return Backbone.from_module(net, PREPROCESS, kind="image")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def pictures(pixels):
    from clearhead.features.inputs import in_memory

    return in_memory(pixels, np.arange(50) % 3, ["a", "b", "c"])


@pytest.fixture
def image_tree(tmp_path, pixels) -> Path:
    """cat/ and dog/ with five PNGs each."""
    for i in range(10):
        path = tmp_path / "tree" / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i]).save(path)
    return tmp_path / "tree"
