"""Lets the torchvision wheel of a CUDA build be imported beside a CPU torch, for tests only.

It registers fakes for two operators that its missing binary would have defined; declared here, they exist.
"""

from __future__ import annotations

import torch

_LIBRARIES: list[torch.library.Library] = []


def declare() -> None:
    """Declare torchvision's operators once, where torch has no CUDA."""
    if torch.cuda.is_available() or _LIBRARIES:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)
