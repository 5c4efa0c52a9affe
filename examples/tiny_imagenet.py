"""Sixty classes of Tiny-ImageNet, 64 × 64: ``clearhead run --data examples/tiny_imagenet.py:train``."""

from __future__ import annotations

import json

from clearhead.features import Examples, join_splits
from imagenet import imagenet_names
from packs import data_root, jpeg_pack


def part(name: str) -> Examples:
    folder = data_root() / "tiny_imagenet"
    every = imagenet_names()
    classes = json.loads((folder / "classes.json").read_text())
    names = [every[entry["imagenet_index"]] for entry in classes]
    return jpeg_pack(folder / f"tiny60_{name}.npz", names, box="box")


def train() -> Examples:
    """18,000 images, 300 a class."""
    return part("train")


def val() -> Examples:
    """2,400 images, 40 a class."""
    return part("val")


def both() -> Examples:
    """All of them in one: ``val`` serves as the test part."""
    return join_splits(train=train(), test=val())
