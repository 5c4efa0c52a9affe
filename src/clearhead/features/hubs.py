"""Networks by name: timm, torchvision, Hugging Face, and MadryLab's robustness checkpoints; each through its extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from clearhead.core.errors import ModelError
from clearhead.features.spec import require
from clearhead.features.vision import EachImage
from clearhead.features.weights import read_weights

__all__ = ["load_from_hub"]


def load_from_hub(hub: str, name: str) -> Any:
    """(module, preprocess, class names) or a `Backbone` for ``hub:name``."""
    if hub == "hf":
        from clearhead.features.hf import load_hf

        return load_hf(name)
    if hub == "robustness":
        from clearhead.features.robustness import load_robustness

        return load_robustness(name)
    return (_load_timm if hub == "timm" else _load_torchvision)(name)


def _load_timm(name: str) -> tuple[nn.Module, Any, list[str]]:
    timm = require("timm")
    name, _, weights = name.partition("@")
    try:
        model = timm.create_model(name, pretrained=not weights)
    except (RuntimeError, OSError, ValueError) as error:
        raise _unknown("timm", name, error) from error
    if weights:
        _load_into(model, Path(weights))
    config = timm.data.resolve_model_data_config(model)
    labels = (model.pretrained_cfg or {}).get("label_names") or []
    return model, EachImage(timm.data.create_transform(**config, is_training=False)), list(labels)


def _load_torchvision(name: str) -> tuple[nn.Module, Any, list[str]]:
    require("torchvision")
    from torchvision import models

    name, _, weights = name.partition("@")
    try:
        preset = models.get_model_weights(name).DEFAULT
        model = models.get_model(name, weights=None if weights else preset)
    except (RuntimeError, OSError, ValueError) as error:
        raise _unknown("torchvision", name, error) from error
    if weights:
        _load_into(model, Path(weights))
    names = list(preset.meta.get("categories", []))
    return model, EachImage(preset.transforms()), names if not weights else []


def _load_into(model: nn.Module, path: Path) -> None:
    state = read_weights(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{path} does not fit this architecture", got=str(error)[:400]) from error


def _unknown(hub: str, name: str, error: Exception) -> ModelError:
    return ModelError(
        f"{hub} could not load {name!r}",
        got=str(error)[:300],
        fix=f"check the name; without a network give local weights: {hub}:{name}@weights.safetensors",
    )
