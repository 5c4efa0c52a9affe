"""Using a network without leaving a trace: evaluation mode, no parameter gradients, both restored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

__all__ = ["frozen"]


@contextlib.contextmanager
def frozen(model: nn.Module | None) -> Iterator[None]:
    """Evaluation mode and parameters without gradients inside the block; every module's own mode back after it.

    A network left in training mode would answer with dropout's noise and would update its batch statistics.
    """
    if model is None:
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in wanted:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)
