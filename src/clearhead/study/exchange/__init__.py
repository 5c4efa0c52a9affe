"""Studies and answers in other tools' files, and back. No file written here tells an arm or a truth."""

from clearhead.study.exchange.bundle import read_bundle, write_bundle
from clearhead.study.exchange.label_studio import read_label_studio, with_annotations, write_label_studio
from clearhead.study.exchange.mturk import mturk_results, read_mturk, write_mturk
from clearhead.study.exchange.tables import (
    answers_csv,
    answers_jsonl,
    read_jsonl,
    read_parquet,
    write_jsonl,
    write_parquet,
)

__all__ = [
    "answers_csv",
    "answers_jsonl",
    "mturk_results",
    "read_bundle",
    "read_jsonl",
    "read_label_studio",
    "read_mturk",
    "read_parquet",
    "with_annotations",
    "write_bundle",
    "write_jsonl",
    "write_label_studio",
    "write_mturk",
    "write_parquet",
]
