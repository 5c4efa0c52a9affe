"""Training in as many processes as there are: ``torchrun --nproc-per-node=2 parallel_training.py FOLDER``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from torch import nn

from clearhead.core import distributed
from clearhead.core.progress import Silent
from clearhead.features.training import Recipe, train


class StopError(Exception):
    pass


class StopAfter(Silent):
    """Breaks off after two epochs, in every process."""

    def __init__(self) -> None:
        self.left = 2

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.left -= int(note != "resumed")
        if self.left == 0:
            raise StopError


def curve(batch: int, checkpoint: Path | None = None, stop: bool = False) -> list[float]:
    """Losses of four epochs on 90 images; of 15 images one process has eight, the other seven."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 2
    noise = 0.1 * torch.randn(90, 3, 4, 4, generator=generator)
    x = (0.5 + noise + 0.1 * (y - 0.5)[:, None, None, None]).clamp(0, 1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 2))
    recipe = Recipe(epochs=4, batch_size=batch, learning_rate=0.1, augment=0)
    progress = StopAfter() if stop else Silent()
    return [epoch.loss for epoch in train(network, x, y, recipe, checkpoint=checkpoint, progress=progress)]


def threads_of_groups() -> int:
    """Threads of process groups that were not ended."""
    names = [Path("/proc/self/task", task, "comm").read_text().strip() for task in os.listdir("/proc/self/task")]
    return names.count("pt_gloo_runloop")


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with distributed.group():
        made = {"even": curve(30), "uneven": curve(15)}
        try:
            curve(15, folder / "checkpoint.pt", stop=True)
        except StopError:
            distributed.share(None)  # as when both processes start again: the checkpoint is written
        made["resumed"] = curve(15, folder / "checkpoint.pt")
        rank = distributed.rank()
    (folder / f"rank{rank}.json").write_text(json.dumps({**made, "threads": threads_of_groups()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
