"""CIFAR-10 ResNets of standard training: ``clearhead run --model examples/cifar_resnet.py:resnet20``."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import pad, relu

from cifar10 import NAMES
from clearhead.features.vision import IMAGENET_MEAN, IMAGENET_STD, ImagePreprocess
from packs import data_root


def conv3(inner: int, outer: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, stride, 1, bias=False)


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3(inner, outer, stride), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = conv3(outer, outer), nn.BatchNorm2d(outer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if y.shape != x.shape:
            quarter = y.shape[1] // 4
            x = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))
        return relu(x + y)


class ResNet(nn.Module):
    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3(3, 16), nn.BatchNorm2d(16)
        for stage, (inner, outer) in enumerate(((16, 16), (16, 32), (32, 64)), 1):
            first = Block(inner, outer, 1 if inner == outer else 2)
            self.add_module(f"layer{stage}", nn.Sequential(first, *(Block(outer, outer, 1) for _ in range(blocks - 1))))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def model(name: str, blocks: int) -> tuple[nn.Module, ImagePreprocess, list[str]]:
    network = ResNet(blocks)
    state = load_file(data_root() / "models" / f"cifar10_{name}.safetensors")
    network.load_state_dict({key.removeprefix("module."): tensor for key, tensor in state.items()})
    return network, ImagePreprocess(32, 32, IMAGENET_MEAN, IMAGENET_STD), NAMES


def resnet20() -> tuple[nn.Module, ImagePreprocess, list[str]]:
    return model("resnet20", 3)


def resnet56() -> tuple[nn.Module, ImagePreprocess, list[str]]:
    return model("resnet56", 9)
