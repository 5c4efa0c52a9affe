"""What a forward pass on a CPU spends on memory: the layout of its images, and pages asked for again and again."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from clearhead.core.memory import give_back
from clearhead.features.heads import forward

__all__ = ["channels_last", "freed_memory_kept"]

# Numbers of glibc's malloc.h. Its limits rise by themselves to 32 and 64 MiB in any process that uses torch; an option
# once set no longer does, so those are what is left behind.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_KEEP = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1))
_USUAL = ((_M_MMAP_MAX, 65536), (_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 64 << 20))


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


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within it, the process keeps freed memory for its next use; at the end it is given back.

    By default glibc returns a large block to the system when it is freed, so that every activation of every batch is
    made of new pages: up to two thirds of the time of a forward pass. Has no effect with another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        yield
        return
    for option, value in _KEEP:
        mallopt(option, value)
    try:
        yield
    finally:
        for option, value in _USUAL:
            mallopt(option, value)
        give_back()
