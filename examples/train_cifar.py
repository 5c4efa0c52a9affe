"""A small ResNet on CIFAR-10, standard and against an L2 adversary: ``python examples/train_cifar.py runs/cifar``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cifar10 import jpeg_train, lossless_part
from clearhead.features.attack import PGD
from clearhead.features.robustness import Normalised
from clearhead.features.training import Recipe, evaluate, train

EPOCHS, WIDTH, STEPS, SEED = 6, 16, 2, 0


class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*conv(inner, outer, stride), nn.ReLU(), *conv(outer, outer, 1))
        self.skip = nn.Sequential(*conv(inner, outer, stride, 1)) if inner != outer else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def conv(inner: int, outer: int, stride: int, kernel: int = 3) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outer)


def small_resnet(width: int) -> nn.Module:
    blocks = Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2)
    body = *conv(3, width, 2), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10)
    return Normalised(nn.Sequential(*body), (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))


def tensors(examples) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.stack([np.asarray(image) for image in examples])).permute(0, 3, 1, 2), examples.labels


def main(folder: Path) -> None:
    data, test = tensors(jpeg_train()), tensors(lossless_part("test"))
    attacks = {"L2 0.5, 20 steps": PGD("l2", 0.5, 20), "Linf 2/255, 20 steps": PGD("linf", 2 / 255, 20)}
    for name, attack in (("standard", None), ("robust", PGD("l2", 0.5, STEPS))):
        torch.manual_seed(SEED)  # the initial weights
        model, started = small_resnet(WIDTH), time.process_time()
        recipe = Recipe(EPOCHS, 128, 0.2, weight_decay=5e-4, one_cycle=True, attack=attack, seed=SEED)
        last = train(model, *data, recipe, checkpoint=folder / f"cifar-{name}.pt")[-1]
        used, score = time.process_time() - started, evaluate(model, *test, attacks)
        print(json.dumps({"network": name, "cpu_seconds": used, **vars(last), **vars(score)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
