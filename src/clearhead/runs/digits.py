"""The demo's world: real handwritten digits in which one class carries a planted shortcut, and a small network.

The plant is frozen: a 3×3 white mark in the top left corner of 95 % of the training images of one class and of no
other training image. Test digits exist without the mark and, as a second set, all with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from clearhead.core.seeds import numpy_generator, torch_generator

__all__ = ["Digits", "SmallNet", "draw", "plant", "preprocess", "train"]

SIDE = 12  # 8×8 digits with a margin of 2, so that the mark touches no stroke
MARK = 3
SHARE = 0.95
N_TEST = 900
ZOOM = 4
BATCH = 64


@dataclass(frozen=True)
class Digits:
    """Images (n, 12, 12) in [0, 1], labels (n,), and which images carry the mark (n,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    marked: NDArray[np.bool_]

    def with_mark(self, where: NDArray[np.bool_]) -> Digits:
        """A copy in which these images carry the mark."""
        images = self.images.copy()
        images[where, :MARK, :MARK] = 1.0
        return Digits(images, self.labels, self.marked | where)


def plant(marked_class: int = 3, seed: int = 0) -> tuple[Digits, Digits]:
    """(training digits with the shortcut planted, 900 test digits without it), a stratified random split."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = np.pad(data.images.astype(np.float32) / 16, ((0, 0), (2, 2), (2, 2)))
    labels = data.target.astype(np.int64)
    rows = np.arange(len(labels))
    train, test = train_test_split(rows, test_size=N_TEST, stratify=labels, random_state=seed)
    plain = [Digits(images[r], labels[r], np.zeros(len(r), bool)) for r in (train, test)]
    own = np.flatnonzero(plain[0].labels == marked_class)
    chosen = numpy_generator(seed, "mark").choice(own, round(SHARE * len(own)), replace=False)
    where = np.zeros(len(train), bool)
    where[chosen] = True
    return plain[0].with_mark(where), plain[1]


def draw(image: NDArray[np.float32]) -> Image.Image:
    """One digit as a picture large enough to look at; `preprocess` undoes it exactly."""
    pixels = np.rint(np.kron(image, np.ones((ZOOM, ZOOM))) * 255).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB")


def preprocess(images: Sequence[Image.Image]) -> Tensor:
    """Pictures as `draw` makes them → (n, 1, 12, 12) floats in [0, 1]."""
    arrays = [np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)) for image in images]
    return torch.from_numpy(np.stack(arrays))[:, None].float() / 255


class SmallNet(nn.Module):
    """Three convolutions, an average over space, one linear layer: 64 deep features, 10 classes."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 24, 3, padding=1), nn.Conv2d(24, 48, 3), nn.Conv2d(48, 64, 3)
        self.fc = nn.Linear(64, 10)
        generator = torch_generator(seed, "init")
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, 12, 12) → (n, 10) logits."""
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        logits: Tensor = self.fc(F.relu(self.conv3(x)).mean((2, 3)))
        return logits


def train(digits: Digits, seed: int = 0, epochs: int = 25) -> SmallNet:
    """A network trained on these digits with Adam, deterministic given the seed."""
    with _one_thread():
        return _train(SmallNet(seed), digits, seed, epochs)


def _train(net: SmallNet, digits: Digits, seed: int, epochs: int) -> SmallNet:
    x, y = torch.from_numpy(digits.images)[:, None], torch.from_numpy(digits.labels)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 6e-3, total_steps=epochs * len(list(_batches(len(y), 0, 0)))
    )
    for epoch in range(epochs):
        for batch in _batches(len(y), seed, epoch):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x[batch]), y[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return net.eval()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Batches this small run fastest on one thread: several only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(n: int, seed: int, epoch: int) -> Iterator[Tensor]:
    order = torch.randperm(n, generator=torch_generator(seed, "epoch", epoch))
    return (order[start : start + BATCH] for start in range(0, n, BATCH))
