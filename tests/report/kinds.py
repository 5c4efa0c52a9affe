"""A finding of each kind that the page draws in its own way, with the columns that the analyses write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clearhead.core.finding import Estimate, Finding, Table

SENTENCE = "A sentence that can be quoted."


def _finding(kind: str, tables: Mapping[str, Mapping[str, Sequence[Any]]], **more: Any) -> Finding:
    made = {name: Table(columns) for name, columns in tables.items()}
    return Finding(kind=kind, title=f"About {kind}", sentence=SENTENCE, tables=made, caveats=("Mind this.",), **more)


PATH = {
    "features_per_class": [0.0, 2.0, 9.0],
    "lambda": [1.0, 0.1, 0.01],
    **{f"{s}_accuracy": [0.1, 0.6, 0.9] for s in ("train", "val", "test")},
    **{f"test_{side}": [v, 0.6 + v, 0.9] for side, v in (("low", 0.0), ("high", 0.2))},
}

KINDS = [
    _finding("tradeoff", {"path": PATH, "dense": {"split": ["test"], "value": [0.95], "low": [0.9], "high": [0.99]}}),
    _finding("features_per_class", {"classes": {"class": ["two", "one"], "features": [3, 0]}}),
    _finding(
        "misclassified",
        {
            "rows": {
                "row": [3, 4],
                "truth": ["two", "one"],
                "predicted": ["three", "two"],
                "top_feature": ["pixel 2,5", "pixel 2,4"],
                "flip_features": [["pixel 2,5", "pixel 2,4"], None],
            },
            "pairs": {"truth": ["two"], "predicted": ["one"], "errors": [2], "errors_with_feature": [1]},
        },
        settings={"rows_of": "table"},
        numbers={"error_rate": Estimate(0.1, 0.05, 0.2, 40, "wilson"), "median_flip_size": None},
    ),
    _finding(
        "confusion",
        {
            "pairs": {
                "class_a": ["one", "two", "three"],
                "class_b": ["two", "three", "four"],
                "confusion": [0.1, 0.0, 0.2],
                "shared": [2, 0, 3],
                "share": [0.2, 0.0, 0.3],
            }
        },
    ),
    _finding(
        "spurious",
        {
            "pairs": {
                "head": ["sparse", "dense"],
                "class_a": ["one", "one"],
                "class_b": ["two", "seven"],
                "feature": ["pixel 2,5", "pixel 2,4"],
                "weight_a": [0.5, -0.5],
                "weight_b": [0.2, 0.1],
                "suspicion": [None, 0.3],
                "rows_a": [[1, 2, 3], [4]],
                "rows_b": [[5], []],
            }
        },
        settings={"rows_of": "table"},
    ),
    _finding(
        "suspects",
        {
            "suspects": {
                "feature": ["pixel 2,5", "pixel 2,4"],
                "number": [21, 20],
                "class": ["three", "two"],
                "weight": [0.3, 0.2],
                "score": [0.5, -1.0],
                "cue_correlation": [0.6, 0.1],
                "cue_low": [0.5, 0.0],
                "cue_high": [0.7, 0.2],
                "label_correlation": [0.1, 0.5],
                "label_low": [0.0, 0.4],
                "label_high": [0.2, 0.6],
                "examples": [[1, 2], [3]],
            }
        },
        settings={"rows_of": "table"},
    ),
    _finding(
        "repair",
        {
            "change": {
                "part": ["test", "test", "val"],
                "slice": ["overall", "class", "overall"],
                "name": ["", "two", ""],
                "n": [90, 9, 80],
                "change": [0.02, -0.1, 0.01],
                "low": [0.0, -0.3, -0.01],
                "high": [0.04, 0.1, 0.03],
            },
            "edits": {"feature": ["21"], "action": ["remove"], "classes": [None], "value": [None], "into": [None]},
        },
    ),
    _finding(
        "compare",
        {
            "flips": {"row": [1, 2], "truth": ["one", "two"], "first": ["one", "two"], "second": ["two", "one"]},
            "classes": {
                "class": ["one", "two"],
                "n": [9, 8],
                "change": [0.1, 0.0],
                "low": [0, -0.1],
                "high": [0.2, 0.1],
            },
        },
        settings={"rows_of": "table"},
    ),
    _finding(
        "counterfactual_text",
        {
            "examples": {
                "head": ["sparse"],
                "text": ["a good film <b>"],
                "prediction": ["one"],
                "changed": ["a bad film <b>"],
                "to": ["two"],
                "words": [1],
            }
        },
    ),
    _finding(
        "counterfactual_image",
        {
            "rates": {
                "head": ["s", "s"],
                "patch": ["pattern", "difference"],
                "value": [0.4, -0.1],
                "low": [0.3, -0.2],
                "high": [0.5, 0.1],
                "n": [20, 20],
            }
        },
        settings={"target": "two"},
    ),
    _finding(
        "ordering",
        {
            "lambdas": {"lambda": [1.0, 0.1, 0.01]},
            "paths": {"class": ["two", "two"], "feature": [21, 20], "weights": [[0, 0.1, 0.2], [0, 0, -0.3]]},
            "entries": {
                "class": ["two", "two"],
                "feature": [21, 20],
                "order": [1, 2],
                "name": ["a", "b"],
                "step": [1, 2],
            },
        },
    ),
    _finding(
        "words",
        {
            "words": {
                "feature": [21, 21],
                "name": ["a", "a"],
                "sign": [1, -1],
                "rank": [1, 1],
                "word": ["lovely", "dreary"],
                "weight": [1.0, -0.5],
            }
        },
    ),
    _finding(
        "study_simulate",
        {
            "probabilities": {
                "arm": ["dense", "sparse"],
                "rank": [1, 1],
                "n": [4, 4],
                **{mark: [0.1 + i / 10, 0.2 + i / 10] for i, mark in enumerate(("p05", "median", "p95"))},
            },
            "ranks": {"arm": ["dense", "sparse"], "rank": [1, 1], "tasks": [2, 4], "share": [0.5, 1.0]},
            "per_class": {
                "class": [1, 2, 3],
                "class_name": ["one", "two", "three"],
                "dense": [0.2, 0.5, None],
                "sparse": [0.4, 0.9, 0.1],
            },
        },
    ),
    *(
        _finding(
            kind,
            {
                table: {
                    "head": ["sparse", "dense"],
                    **more,
                    value: [0.2, 0.4],
                    "low": [0.1, 0.3],
                    "high": [0.3, 0.5],
                    "n": [9, 9],
                }
            },
        )
        for kind, table, value, more in (
            ("bias_words", "words", "share", {"class": ["one", "one"], "direction": ["for", "for"]}),
            ("bias_errors", "rates", "value", {"group": ["men", "men"], "rate": ["false positive", "false positive"]}),
        )
    ),
    _finding(
        "study_spurious",
        {
            "summary": {"arm": ["dense", "sparse"], "value": [0.5, 0.9], "low": [0.4, 0.8], "high": [0.7, 1.0]},
            "verdicts": {
                "arm": ["dense", "sparse"],
                "feature": [20, 21],
                "class_a": [1, 2],
                "class_b": [3, 4],
                "pattern": [True, True],
                "where_a": ["object", "surroundings"],
                "where_b": [None, "object"],
            },
            "descriptions": {"word": ["stripes", "<b>"], "answers": [9, 2]},
        },
    ),
    _finding(
        "rehearsed_misclassification",
        {
            "verdicts": {
                "row": [3, 4],
                "label": ["two", "one"],
                "predicted": ["three", "two"],
                "f_l": [20, 20],
                "f_p": [21, 21],
                "matches_f_l": [True, False],
                "matches_f_p": [False, None],
                "matches_f_r": [None, True],
                "best": ["f_l", "f_r"],
            },
            "rehearsed": {"note": ["These answers are simulated."]},
        },
    ),
    _finding("label_tradeoff", {"path": PATH}),
    _finding("empty", {}),
]
