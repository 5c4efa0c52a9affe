"""The network's forward pass as an extraction runs it: layout of images, half precision, compilation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from clearhead.features.backbone import Backbone
from clearhead.features.job import ExtractOptions
from clearhead.features.memory import channels_last, freed_memory_kept
from clearhead.features.streams import OwnCopy
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
    own, layout = OwnCopy(backbone, threading.get_ident()), _Layout(backbone, options.channels_last)

    def run(inputs: Any) -> tuple[Tensor, Tensor | None]:
        inputs = layout(inputs)
        casting = torch.autocast(backbone.device.type, amp) if amp is not None else contextlib.nullcontext()
        with torch.inference_mode(), casting:
            return own.backbone.features_and_logits(inputs)

    with freed_memory_kept(), _compiled(backbone.model) if options.compile else contextlib.nullcontext():
        yield run


class _Layout:
    """Lays images out as fast convolutions read them, if the network takes them so: tried once, on the first."""

    def __init__(self, backbone: Backbone, wanted: bool) -> None:
        self._backbone, self._lock = backbone, threading.Lock()
        self._fast: bool | None = None if wanted else False

    def __call__(self, inputs: Any) -> Any:
        if not isinstance(inputs, Tensor) or inputs.ndim != 4:
            return inputs
        with self._lock:
            if self._fast is None:
                self._fast = channels_last(self._backbone.model, inputs[:1].to(self._backbone.device))
        return inputs.contiguous(memory_format=torch.channels_last if self._fast else torch.contiguous_format)


@contextlib.contextmanager
def _compiled(model: nn.Module) -> Iterator[None]:
    model.compile()
    try:
        yield
    finally:
        model._compiled_call_impl = None  # torch has no public way back
