"""Channels last: the memory layout in which convolutions run up to twice as fast, where a network allows it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clearhead.features.heads import forward

__all__ = ["channels_last"]


def channels_last(model: nn.Module, images: Tensor) -> bool:
    """Put a network's convolutions in channels-last layout if it still runs on these images (n, c, h, w).

    A network that calls ``view`` on a feature map does not; it is put back, and False is returned.
    """
    if not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        return False
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training = model.training
    try:
        with torch.no_grad():
            forward(model.eval(), images.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return False
    finally:
        model.train(training)
    return True
