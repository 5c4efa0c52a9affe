"""SST-2 sentences, positive or negative: ``clearhead run --data examples/sst2.py:every``."""

from __future__ import annotations

from clearhead.features import Examples, join_splits, load_examples
from packs import data_root


def part(name: str) -> Examples:
    return load_examples(data_root() / "sst2" / f"sentences_{name}.tsv", class_names=["negative", "positive"])


def train() -> Examples:
    """6,920 sentences."""
    return part("train")


def test() -> Examples:
    """1,321 sentences."""
    return part("test")


def every() -> Examples:
    """Training, validation (872) and test sentences in one, with their split."""
    return join_splits(train=train(), val=part("dev"), test=test())
