"""Training a classifier, on its data as it is or against an adversary, by the paper's recipe (section C.2)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clearhead.core import distributed
from clearhead.core.artifacts import atomic_path, content_key
from clearhead.core.errors import ArtifactError, NotConvergedError, SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import torch_generator
from clearhead.features.attack import PGD, perturb
from clearhead.features.memory import channels_last
from clearhead.features.weights import read_checkpoint

__all__ = ["RECIPES", "Epoch", "Recipe", "Score", "evaluate", "train"]


@dataclass(frozen=True)
class Recipe:
    """How to train: SGD with momentum, the learning rate multiplied by ``drop`` every ``drop_every`` epochs.

    ``attack`` makes it adversarial training; ``batch_size`` is the whole batch over all processes; ``one_cycle`` warms
    up and anneals the rate instead of dropping it (for short runs); ``augment`` flips, and shifts by up to that many
    pixels; ``amp`` computes in "float16" or "bfloat16" on an accelerator.
    """

    epochs: int = 90
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    drop: float = 0.1
    drop_every: int = 30
    one_cycle: bool = False
    attack: PGD | None = None
    augment: int = 4
    amp: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0:
            raise SettingError("training needs epochs, a batch size and a learning rate above 0", got=self)

    def rate(self, progress: float) -> float:
        """The learning rate after ``progress`` epochs (fractions count)."""
        if not self.one_cycle:
            return self.learning_rate * self.drop ** int(progress // self.drop_every)
        done, warm = progress / self.epochs, 0.2
        return self.learning_rate * (done / warm if done < warm else (1 - done) / (1 - warm))


# Section C.2: 90 epochs, batches of 512 and 128, drops each 30; robust: L2, ε = 3, 3 steps of 2ε/3.
RECIPES = {
    "imagenet": Recipe(batch_size=512),
    "imagenet-robust": Recipe(batch_size=512, attack=PGD("l2", 3.0, 3)),
    "places10": Recipe(batch_size=128),
    "places10-robust": Recipe(batch_size=128, attack=PGD("l2", 3.0, 3)),
}


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to."""

    number: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Score:
    """Accuracy on n images, as they are and after each attack by name."""

    n: int
    clean: float
    attacked: dict[str, float] = field(default_factory=dict)


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> list[Epoch]:
    """Train a network in place on images (n, c, h, w), uint8 or 0…1, that it normalises itself; resumable.

    ``checkpoint`` is written after every epoch and read at the start if the recipe and the data are the same; a stopped
    run that is resumed ends with the same weights as one that was not (on one device type). Under ``torchrun``, within
    `core.distributed.group`, every process takes its share of each batch. Raises `NotConvergedError` if the loss stops
    being finite.
    """
    model.to(device).train()
    channels_last(model, pixels(images[:1]).to(device))
    ddp = _parallel(model)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    scaler = torch.amp.GradScaler(enabled=recipe.amp == "float16" and torch.device(device).type == "cuda")
    job = content_key(asdict(recipe), images[:: max(1, len(images) // 512)], labels, str(model))
    history = _resume(checkpoint, job, model, optimizer)
    progress = progress or Silent()
    progress.start("train", recipe.epochs)
    progress.advance(len(history), "resumed")
    for number in range(len(history), recipe.epochs):
        epoch = _epoch(ddp, optimizer, scaler, images, labels, recipe, number, torch.device(device))
        history.append(epoch)
        if not math.isfinite(epoch.loss):
            raise NotConvergedError("the training loss is not finite", got=epoch, fix="use a smaller learning rate")
        if checkpoint is not None and distributed.rank() == 0:
            _save(checkpoint, job, model, optimizer, history)
        progress.advance(1, f"loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.3f}")
    progress.finish()
    model.eval()
    return history


def _parallel(model: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(model) if distributed.world_size() > 1 else model


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: Any,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    number: int,
    device: torch.device,
) -> Epoch:
    generator = torch_generator(recipe.seed, "epoch", number)
    total = torch.zeros(3, dtype=torch.float64)
    batches = list(_batches(len(images), recipe.batch_size, generator))
    for i, index in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(number + i / len(batches))
        x = augmented(pixels(images[index]), recipe.augment, generator).to(device)
        y = labels[index].to(device)
        with _casting(recipe.amp, device):
            if recipe.attack is not None:
                model.eval()
                x = perturb(model, x, y, recipe.attack, generator=generator)
                model.train()
            logits = model(x)
            loss = F.cross_entropy(logits, y)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss * _share(len(y), min(recipe.batch_size, len(images)))).backward()
        scaler.step(optimizer)
        scaler.update()
        hits = (logits.detach().argmax(1) == y).sum()
        total += torch.tensor([loss.detach().item() * len(y), hits.item(), len(y)], dtype=torch.float64)
    total = distributed.all_reduce(total)
    return Epoch(number, float(total[0] / total[2]), float(total[1] / total[2]))


def _share(own: int, batch: int) -> float:
    """What makes the mean over processes of their losses the loss of the whole batch: parts may differ by a row."""
    return own * distributed.world_size() / batch


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """This process's part of every batch; an incomplete last batch is left for the next epoch's order to pick up."""
    order = torch.randperm(n, generator=generator)
    size = min(size, n)
    rank, world = distributed.rank(), distributed.world_size()
    for start in range(0, n - size + 1, size):
        yield order[start : start + size][rank::world]


def pixels(images: Tensor) -> Tensor:
    """Images as float32 in 0…1."""
    return images.float() / 255 if images.dtype is torch.uint8 else images.float()


def augmented(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Each image flipped or not, and shifted by up to ``shift`` pixels with its edge mirrored; 0 changes nothing."""
    if shift == 0:
        return images
    n, _, height, width = images.shape
    wide = F.pad(images, (shift,) * 4, mode="reflect")
    rows, columns = (torch.randint(0, 2 * shift + 1, (n, 1), generator=generator) for _ in range(2))
    flip = torch.rand(n, 1, generator=generator) < 0.5
    across = torch.arange(width).expand(n, -1)
    across = torch.where(flip, width - 1 - across, across) + columns
    down = torch.arange(height) + rows
    return (
        wide[torch.arange(n)[:, None, None], :, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2).contiguous()
    )


@contextlib.contextmanager
def _casting(amp: str | None, device: torch.device) -> Iterator[None]:
    if amp is None:
        yield
        return
    with torch.autocast(device.type, {"float16": torch.float16, "bfloat16": torch.bfloat16}[amp]):
        yield


def _resume(path: Path | None, job: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    if path is None or not path.is_file():
        return []
    saved = read_checkpoint(path)
    if not isinstance(saved, dict) or saved.get("job") != job:
        raise ArtifactError(
            f"{path} belongs to another training", fix="delete it, or name another checkpoint; nothing was changed"
        )
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return [Epoch(**epoch) for epoch in saved["history"]]


def _save(path: Path, job: str, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[Epoch]) -> None:
    content = {
        "job": job,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [asdict(epoch) for epoch in history],
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    attacks: dict[str, PGD] | None = None,
    *,
    batch_size: int = 200,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> Score:
    """Accuracy on images (n, c, h, w) as they are, and after each named attack."""
    model.to(device).eval()
    hits = dict.fromkeys(("", *(attacks or {})), 0)
    generator = torch_generator(seed, "evaluate")
    for start in range(0, len(images), batch_size):
        x = pixels(images[start : start + batch_size]).to(device)
        y = labels[start : start + batch_size].to(device)
        for name in hits:
            moved = perturb(model, x, y, attacks[name], generator=generator) if name and attacks else x
            with torch.no_grad():
                hits[name] += int((model(moved).argmax(1) == y).sum())
    n = len(images)
    return Score(n, hits[""] / n, {name: count / n for name, count in hits.items() if name})
