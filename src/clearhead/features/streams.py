"""Two copies of a network side by side on a processor: while one's batch is loaded, the other computes."""

from __future__ import annotations

import contextlib
import copy
import itertools
import threading
from collections.abc import Callable, Iterator

import torch
from torch import nn

from clearhead.features.backbone import Backbone

__all__ = ["STREAMS", "OwnCopy", "can_stream", "shared_threads"]

STREAMS = 2


def can_stream(backbone: Backbone) -> bool:
    """Whether copies of a network can run at once: on a processor with a core for each, and no hooks of its own.

    A hook is a function that every copy would share, with all that it remembers.
    """
    if backbone.device.type != "cpu" or torch.get_num_threads() < STREAMS:
        return False
    if any(module._forward_hooks or module._forward_pre_hooks for module in backbone.model.modules()):
        return False
    with contextlib.suppress(Exception):  # of whatever a user's module is made
        _sharing_weights(backbone.model)
        return True
    return False


class OwnCopy(threading.local):
    """A network's ``backbone`` for each thread: its own modules, so that none sees another's state, the same weights.

    The thread that makes this has the network itself.
    """

    def __init__(self, backbone: Backbone, owner: int) -> None:
        self.backbone = backbone
        if threading.get_ident() != owner:
            self.backbone = copy.copy(backbone)
            self.backbone.model = _sharing_weights(backbone.model)


@contextlib.contextmanager
def shared_threads() -> Iterator[Callable[[], None]]:
    """What a stream's thread calls first, to take its share of the cores; all are given back at the end."""
    cores = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(cores // STREAMS)
    finally:
        torch.set_num_threads(cores)


def _sharing_weights(model: nn.Module) -> nn.Module:
    weights = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in weights})
