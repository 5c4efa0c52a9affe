"""Toxic comments with six labels at once: ``clearhead run --data examples/jigsaw.py:six``. The texts are offensive."""

from __future__ import annotations

from clearhead.features import Examples, load_examples
from packs import data_root

LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


def six() -> Examples:
    """6,574 comments; a column ``source`` names the copy that each came from."""
    return load_examples(data_root() / "jigsaw" / "jigsaw_six_labels.csv.gz", label_column=LABELS)


def toxic_only() -> Examples:
    """14,987 further comments with the one label."""
    path = data_root() / "jigsaw" / "jigsaw_toxic_only.csv.gz"
    return load_examples(path, label_column="toxic", class_names=["clean", "toxic"])
