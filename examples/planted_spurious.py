"""Birds and dogs pasted on water and land; in training 95 % of the birds are on water and of the dogs on land."""

from __future__ import annotations

import numpy as np

from clearhead.features import Examples, join_splits
from packs import data_root, jpeg_pack


def part(name: str) -> Examples:
    path = data_root() / "planted_spurious" / f"bird_dog_{name}.npz"
    examples = jpeg_pack(path, ["bird", "dog"], box="box", wnid="wnid", background="background")
    kinds = np.array(["water", "land"])[examples.columns["background"]]
    classes = np.array(examples.class_names)[examples.labels.numpy()]
    examples.columns |= {
        "background": kinds,
        "wnid": examples.columns["wnid"].astype(str),
        "group": np.array([f"{c} on {k}" for c, k in zip(classes, kinds, strict=True)]),
    }
    return examples


def train() -> Examples:
    return part("train")


def val() -> Examples:
    return part("val")


def test() -> Examples:
    return part("test")


def every() -> Examples:
    """The three parts in one, with the split that they came in."""
    return join_splits(train=train(), val=val(), test=test())
