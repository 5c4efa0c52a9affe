"""CIFAR-10 networks trained against an adversary: ``clearhead run --model examples/cifar_robust.py:resnet4b``."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import relu

from cifar10 import NAMES
from clearhead.features.vision import ImagePreprocess
from packs import data_root

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inner, outer, 3, stride, 1), nn.Conv2d(outer, outer, 3, 1, 1)
        change = stride != 1 or inner != outer
        self.shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride)) if change else nn.Sequential()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.conv2(relu(self.conv1(x))) + self.shortcut(x))


class RobustNet(nn.Module):
    def __init__(self, width: int, stages: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 2, 1)
        self.layer1 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        again = (Block(2 * width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.layer2 = nn.Sequential(*(again if stages == 2 else ()))
        side = 32 // 2 // 2**stages
        self.linear1, self.linear2 = nn.Linear(2 * width * side * side, 100), nn.Linear(100, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer2(self.layer1(relu(self.conv1(x))))
        return self.linear2(relu(self.linear1(x.flatten(1))))


def model(name: str, width: int, stages: int) -> tuple[nn.Module, ImagePreprocess, list[str]]:
    network = RobustNet(width, stages)
    network.load_state_dict(load_file(data_root() / "models" / f"cifar10_robust_{name}.safetensors"))
    return network, ImagePreprocess(32, 32, MEAN, STD), NAMES


def resnet2b() -> tuple[nn.Module, ImagePreprocess, list[str]]:
    return model("resnet2b", 8, 1)


def resnet4b() -> tuple[nn.Module, ImagePreprocess, list[str]]:
    return model("resnet4b", 16, 2)
