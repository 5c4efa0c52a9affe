"""The network's forward pass as an extraction runs it: layout of images, half precision, compilation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from clearhead.features.backbone import Backbone
from clearhead.features.job import ExtractOptions
from clearhead.features.memory import channels_last, freed_memory_kept
from clearhead.features.writer import resolve_dtype

__all__ = ["Forward", "default_batch_size", "forward_pass"]

Forward = Callable[[Any], tuple[Tensor, Tensor | None]]


def default_batch_size(backbone: Backbone) -> int:
    """32 on a CPU (more is no faster, and takes more memory) and 256 on an accelerator."""
    return 32 if backbone.device.type == "cpu" else 256


@contextlib.contextmanager
def forward_pass(backbone: Backbone, options: ExtractOptions) -> Iterator[Forward]:
    """Preprocessed inputs → ((n, p) features, the network's own (n, k) logits or None), without gradients.

    The network is left as it was found, but for the memory layout of its weights.
    """
    amp = None if options.amp is None else resolve_dtype(options.amp)
    fast: bool | None = None if options.channels_last else False

    def run(inputs: Any) -> tuple[Tensor, Tensor | None]:
        nonlocal fast
        if isinstance(inputs, Tensor) and inputs.ndim == 4:
            fast = channels_last(backbone.model, inputs[:1].to(backbone.device)) if fast is None else fast
            inputs = inputs.contiguous(memory_format=torch.channels_last if fast else torch.contiguous_format)
        casting = torch.autocast(backbone.device.type, amp) if amp is not None else contextlib.nullcontext()
        with torch.inference_mode(), casting:
            return backbone.features_and_logits(inputs)

    with freed_memory_kept(), _compiled(backbone.model) if options.compile else contextlib.nullcontext():
        yield run


@contextlib.contextmanager
def _compiled(model: nn.Module) -> Iterator[None]:
    model.compile()
    try:
        yield
    finally:
        model._compiled_call_impl = None  # torch has no public way back
