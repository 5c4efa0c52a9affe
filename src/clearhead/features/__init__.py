"""F1: images and sentences in, a table of deep features on disk out."""

from clearhead.features.backbone import Backbone, load_backbone
from clearhead.features.examples import Examples
from clearhead.features.extract import ExtractOptions, extract
from clearhead.features.inputs import in_memory, join_splits, load_examples
from clearhead.features.split import Split, split_rows
from clearhead.features.table import FeatureTable

__all__ = [
    "Backbone",
    "Examples",
    "ExtractOptions",
    "FeatureTable",
    "Split",
    "extract",
    "in_memory",
    "join_splits",
    "load_backbone",
    "load_examples",
    "split_rows",
]
