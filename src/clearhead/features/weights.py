"""Weights from a file that may come from a stranger: safetensors, or a torch file read without executing anything."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import read_tensors
from clearhead.core.errors import ArtifactError, UntrustedError

__all__ = ["read_weights", "without_prefix"]

_NESTED = ("state_dict", "model", "model_state_dict", "net")


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from ``.safetensors`` or a torch checkpoint, the latter with ``weights_only=True``.

    Checkpoints that nest their weights under "state_dict" or "model" are unwrapped. Raises `UntrustedError` if the
    file would have to execute code, `ArtifactError` if it is absent or broken.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    content: Any = read_checkpoint(path)
    for name in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    tensors = {str(n): t for n, t in content.items() if isinstance(t, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        raise ArtifactError(f"{path} holds no weights", got=type(content).__name__, expected="a state dict")
    return tensors


def read_checkpoint(path: Path) -> Any:
    """What a torch checkpoint holds, loaded weights-only."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist") from error
    except pickle.UnpicklingError as error:
        raise UntrustedError(
            f"{path} would execute code when loaded; it was not opened",
            got=str(error).split("\n")[0][:200],
            fix="ask its author for a state dict, or convert it to safetensors on a machine that may be lost",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} is truncated or not a torch checkpoint", got=str(error)[:200]) from error


def without_prefix(state: Mapping[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    """The tensors below the first of these prefixes that any name has, with the prefix cut off; all, if none has."""
    for prefix in prefixes:
        below = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        if below:
            return below
    return dict(state)
