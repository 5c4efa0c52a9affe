"""MobileNetV2 on ImageNet, with TensorFlow's padding: ``clearhead run --model examples/mobilenetv2.py:model_160``."""

from __future__ import annotations

from functools import partial

import torch
from safetensors.torch import load_file
from torch import nn

from clearhead.features.vision import ImagePreprocess
from imagenet import imagenet_names
from packs import data_root

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class Conv(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # TensorFlow's SAME padding: an even image under stride 2 is padded right and below only.
        return super().forward(nn.functional.pad(x, (0, 1, 0, 1)) if self.stride == (2, 2) else x)


def conv(inner: int, outer: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer = Conv(inner, outer, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outer), nn.ReLU6(inplace=True))


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, expand: int) -> None:
        super().__init__()
        wide, self.skip = inner * expand, stride == 1 and inner == outer
        layers = [conv(inner, wide)] * (expand > 1) + [conv(wide, wide, 3, stride, wide)]
        self.conv = nn.Sequential(*layers, nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.skip else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers, width = [conv(3, 32, 3, 2)], 32
        for expand, outer, repeats, stride in STAGES:
            layers += [
                Block(width if i == 0 else outer, outer, stride if i == 0 else 1, expand) for i in range(repeats)
            ]
            width = outer
        self.features = nn.Sequential(*layers, conv(width, 1280))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def model(size: int = 224, resize: int = 256) -> tuple[nn.Module, ImagePreprocess, list[str]]:
    network = MobileNetV2()
    network.load_state_dict(load_file(data_root() / "models" / "mobilenetv2_imagenet.safetensors"))
    return network, ImagePreprocess(resize, size, (0.5,) * 3, (0.5,) * 3), imagenet_names()


model_160, model_128 = partial(model, 160, 160), partial(model, 128, 128)
