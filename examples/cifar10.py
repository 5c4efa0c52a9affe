"""CIFAR-10, exact pixels (4,300 images) or as JPEG (55,500): ``clearhead run --data examples/cifar10.py:jpeg``."""

from __future__ import annotations

import numpy as np

from clearhead.features import Examples, in_memory, join_splits
from packs import data_root, jpeg_pack

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def lossless_part(name: str) -> Examples:
    with np.load(data_root() / "cifar10" / f"cifar10_lossless_{name}.npz") as pack:
        images, labels = pack["image"], pack["label"]
    return in_memory(images, labels.astype(np.int64), NAMES)


def lossless() -> Examples:
    """3,500 training and 800 test images."""
    return join_splits(train=lossless_part("train"), test=lossless_part("test"))


def jpeg_train() -> Examples:
    return jpeg_pack(data_root() / "cifar10" / "cifar10_jpegq75_train.npz", NAMES)


def jpeg_test() -> Examples:
    return jpeg_pack(data_root() / "cifar10" / "cifar10_jpegq75_test.npz", NAMES)


def jpeg() -> Examples:
    """47,000 training and 8,500 test images, JPEG of quality 75."""
    return join_splits(train=jpeg_train(), test=jpeg_test())
