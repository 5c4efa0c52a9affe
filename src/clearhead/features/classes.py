"""Whether the network's own classes are the data's: then its own head can be compared with a new one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples

__all__ = ["Alignment", "align"]


# Jigsaw's second competition, and so ``unitary/unbiased-toxic-roberta``, renamed three labels of its first.
_SAME = {"toxicity": "toxic", "severe_toxicity": "severe_toxic", "identity_attack": "identity_hate"}


@dataclass(frozen=True)
class Alignment:
    """``index[c]`` is the network's output for the data's class c; None if the two are unrelated."""

    index: Tensor | None
    class_names: list[str]
    note: str


def align(backbone: Backbone, examples: Examples) -> Alignment:
    """Match the network's outputs to the data's classes: by name where the names match, else by number where there are
    as many of one as of the other."""
    k, own, names = backbone.n_classes, backbone.class_names, examples.class_names
    if k is None:
        return Alignment(None, names, "the network is an encoder: it has no head of its own")
    every = torch.arange(k)
    if examples.labels is None:
        return Alignment(every, own or [str(c) for c in range(k)], "the examples have no labels")
    many = examples.labels.ndim == 2
    by_name = _by_name(own, names)
    if by_name is None:
        by_name = _by_name([_SAME.get(name, name) for name in own], names)
    if by_name is not None:
        whole = len(names) == k
        note = (
            "the network's classes are the data's" if whole else f"{len(names)} of the network's {k} classes, by name"
        )
        return Alignment(by_name, names, note)
    if k == len(names) or (k == 1 and len(names) == 2 and not many):
        return Alignment(every, names, "the network's classes are taken for the data's, by number")
    return Alignment(
        None, names, f"the network's {k} classes are not the data's {len(names)}: its own head is not kept"
    )


def _by_name(own: list[str], wanted: list[str]) -> Tensor | None:
    once = {name for name, times in Counter(own).items() if times == 1}
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= once:
        return None
    return torch.tensor([own.index(name) for name in wanted])
