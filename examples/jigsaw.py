"""Toxic comments with six labels at once: ``clearhead run --data examples/jigsaw.py:six``. The texts are offensive."""

from __future__ import annotations

import numpy as np

from clearhead.features import Examples, load_examples
from packs import data_root

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


def six() -> Examples:
    """6,574 comments; a column ``source`` names the copy that each came from."""
    return load_examples(data_root() / "jigsaw" / "jigsaw_six_labels.csv.gz", label_column=LABELS)


def halves() -> Examples:
    """The same comments with the one label toxic, half of them for testing: enough that mention groups of people."""
    path = data_root() / "jigsaw" / "jigsaw_six_labels.csv.gz"
    examples = load_examples(path, label_column="toxic", class_names=["clean", "toxic"])
    place = np.random.default_rng(0).permutation(len(examples)) / len(examples)
    examples.columns["split"] = np.select([place < 0.5, place < 0.6], ["test", "val"], "train")
    return examples


def toxic_only() -> Examples:
    """14,987 further comments with the one label."""
    path = data_root() / "jigsaw" / "jigsaw_toxic_only.csv.gz"
    return load_examples(path, label_column="toxic", class_names=["clean", "toxic"])
