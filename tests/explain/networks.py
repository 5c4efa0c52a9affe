"""The networks of the shared data as functions from pictures in [0, 1] to features, for the tests of this floor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

STANDARD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
ROBUST = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))


class _Basic(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.outside, self.stride, self.same = outside, stride, inside == outside and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        pad = self.outside // 4
        short = x if self.same else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, pad, pad))
        return F.relu(out + short)


class CifarResNet(nn.Module):
    """ResNet-20 for CIFAR-10; its features are the 64 pooled channels."""

    def __init__(self, depth: int = 20) -> None:
        super().__init__()
        n = (depth - 2) // 6
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        widths = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        for i, (inside, outside, stride) in enumerate(widths, 1):
            blocks = [_Basic(inside, outside, stride)] + [_Basic(outside, outside, 1) for _ in range(n - 1)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x))).mean((2, 3))


class _Plain(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


class RobustResNet(nn.Module):
    """The adversarially trained ResNet-4B; its features are the 100 units before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1)
        self.layer1 = nn.Sequential(_Plain(16, 32, 2), _Plain(32, 32, 1))
        self.layer2 = nn.Sequential(_Plain(32, 32, 2), _Plain(32, 32, 1))
        self.linear1, self.linear2 = nn.Linear(512, 100), nn.Linear(100, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(F.relu(self.conv1(x))))
        return F.relu(self.linear1(x.flatten(1)))


class Normalised(nn.Module):
    """A network behind its normalisation: pictures in [0, 1] in, features out."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network((pictures - self.mean) / self.deviation)


def standard_cifar(data: Path) -> Normalised:
    network = CifarResNet()
    state = load_file(data / "models" / "cifar10_resnet20.safetensors")
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return Normalised(network, *STANDARD).eval()


def robust_cifar(data: Path) -> Normalised:
    network = RobustResNet()
    network.load_state_dict(load_file(data / "models" / "cifar10_robust_resnet4b.safetensors"))
    return Normalised(network, *ROBUST).eval()


def cifar_pictures(data: Path, count: int) -> Tensor:
    """(count, 3, 32, 32) test pictures in [0, 1]."""
    images = np.load(data / "cifar10" / "cifar10_lossless_test.npz")["image"][:count]
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
