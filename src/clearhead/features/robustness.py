"""MadryLab ``robustness`` checkpoints: the network under its attacker's prefixes, the normaliser inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clearhead.core.errors import ModelError
from clearhead.features.spec import require
from clearhead.features.vision import IMAGENET_MEAN, IMAGENET_STD, ImagePreprocess
from clearhead.features.weights import read_weights, without_prefix

__all__ = ["Normalised", "load_robustness"]

# The library saves an AttackerModel (its "attacker." half repeats the "model." half), often inside DataParallel.
_PREFIXES = ("module.model.", "model.", "module.attacker.model.", "attacker.model.", "module.")
_NORMALISERS = ("module.normalizer.", "normalizer.", "module.attacker.normalize.", "attacker.normalize.")


class Normalised(nn.Module):
    """(x − mean)/std, then the network: pixels in 0…1 go in, so that an attack's ε is in pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Any = IMAGENET_MEAN, std: Any = IMAGENET_STD) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


def load_robustness(spec: str) -> tuple[nn.Module, ImagePreprocess, list[str]]:
    """``resnet50@imagenet_l2_3_0.pt``: a torchvision architecture and a checkpoint, read weights-only."""
    name, at, path = spec.partition("@")
    if not at:
        raise ModelError("a robustness network needs its checkpoint", got=spec, fix="robustness:resnet50@checkpoint.pt")
    require("torchvision")
    from torchvision import models

    state = read_weights(Path(path))
    network = without_prefix(state, *_PREFIXES)
    head = next((network[n] for n in ("fc.weight", "classifier.6.weight", "classifier.1.weight") if n in network), None)
    if head is None:
        raise ModelError(f"{path} has no head", got=", ".join(list(network)[-3:]), expected="fc.weight")
    try:
        model = models.get_model(name, weights=None, num_classes=len(head))
        model.load_state_dict(_without_normaliser(network))
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path} is not a {name}", got=str(error)[:400]) from error
    return Normalised(model, **_normaliser(state)), ImagePreprocess(mean=(0, 0, 0), std=(1, 1, 1)), []


def _normaliser(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _NORMALISERS:
        if f"{prefix}new_mean" in state:
            return {"mean": state[f"{prefix}new_mean"], "std": state[f"{prefix}new_std"]}
    return {}


def _without_normaliser(network: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.items() if "normalize" not in name and "attacker" not in name}
