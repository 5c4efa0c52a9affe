"""Text data sets as their originals lie on disk: the Stanford Sentiment Treebank, GLUE's SST-2, Jigsaw's comments."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError
from clearhead.features.examples import Examples, join_splits
from clearhead.features.tables_in import code_labels, read_columns

__all__ = ["JIGSAW_LABELS", "load_glue_sst2", "load_jigsaw", "load_sst"]

JIGSAW_LABELS = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
_SENTIMENT = ["negative", "positive"]


def load_sst(folder: Path) -> Examples:
    """The treebank's whole sentences, positive or negative; neutral ones are left out, as is usual.

    Reads either distribution: ``datasetSentences.txt`` with its dictionary (negative up to 0.4, positive above 0.6), or
    the trees of ``trees/train.txt`` (root 0 or 1, 3 or 4).
    """
    trees = folder / "trees"
    rows = _from_trees(trees) if (trees / "train.txt").is_file() else _from_dictionary(folder)
    kept = [(text, label, split) for text, label, split in rows if label is not None]
    if not kept:
        raise DataError(f"{folder} holds no positive or negative sentences")
    return _texts(folder, [r[0] for r in kept], [int(r[1]) for r in kept], _SENTIMENT, [r[2] for r in kept])


def load_glue_sst2(folder: Path) -> Examples:
    """``train.tsv`` and ``dev.tsv`` with the columns sentence and label; ``dev`` is validation.

    GLUE's test sentences have no labels; a ``test.tsv`` with a label column (other distributions have one) is test.
    """
    parts = {}
    for name in ("train", "dev", "test"):
        path = folder / f"{name}.tsv"
        columns = read_columns(path) if path.is_file() else {}
        if "label" in columns and "sentence" in columns:
            labels, _ = code_labels(columns["label"], path, _SENTIMENT)
            parts[{"dev": "val"}.get(name, name)] = _texts(folder, columns["sentence"], labels, _SENTIMENT, name=name)
    return join_splits(**parts)


def load_jigsaw(folder: Path) -> Examples:
    """Kaggle's ``train.csv``, and ``test.csv`` with ``test_labels.csv``, whose rows of −1 were not scored: dropped."""
    train = read_columns(folder / "train.csv")
    parts = {"train": _jigsaw(folder, "train", train["comment_text"], train)}
    if (folder / "test.csv").is_file() and (folder / "test_labels.csv").is_file():
        test, labels = read_columns(folder / "test.csv"), read_columns(folder / "test_labels.csv")
        place = {identity: i for i, identity in enumerate(labels["id"])}
        unknown = [identity for identity in test["id"] if identity not in place]
        if unknown:
            raise DataError("test.csv has rows that test_labels.csv lacks", got=", ".join(unknown[:5]))
        ordered = {name: [labels[name][place[i]] for i in test["id"]] for name in JIGSAW_LABELS}
        scored = [i for i, value in enumerate(ordered["toxic"]) if value != "-1"]
        texts = [test["comment_text"][i] for i in scored]
        kept = {name: [values[i] for i in scored] for name, values in ordered.items()}
        parts["test"] = _jigsaw(folder, "test", texts, {**kept, "id": [test["id"][i] for i in scored]})
    return join_splits(**parts)


def _jigsaw(folder: Path, name: str, texts: list[str], columns: dict[str, list[str]]) -> Examples:
    missing = [label for label in JIGSAW_LABELS if label not in columns]
    if missing:
        raise DataError(f"{folder / name}.csv lacks the columns {', '.join(missing)}", got=", ".join(columns))
    matrix = np.array([columns[label] for label in JIGSAW_LABELS]).T.astype(np.int64)
    return _texts(folder, texts, matrix, list(JIGSAW_LABELS), name=name, ids=columns.get("id"))


def _texts(
    folder: Path,
    texts: Sequence[str],
    labels: object,
    names: list[str],
    split: list[str] | None = None,
    *,
    name: str = "sentence",
    ids: list[str] | None = None,
) -> Examples:
    kept = list(texts)
    columns = {**({"split": np.array(split)} if split else {}), **({"id": np.array(ids)} if ids else {})}
    return Examples(
        kept.__getitem__,
        len(kept),
        kind="text",
        labels=labels,
        class_names=names,
        uris=[f"{folder.name}/{name}:{i}" for i in range(len(kept))],
        columns=columns,
        key=content_key(kept, np.asarray(labels)),
    )


def _from_trees(folder: Path) -> list[tuple[str, int | None, str]]:
    rows: list[tuple[str, int | None, str]] = []
    for file, split in (("train", "train"), ("dev", "val"), ("test", "test")):
        path = folder / f"{file}.txt"
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            root = re.match(r"\((\d) ", line)
            if root is None:
                raise DataError(f"{path} holds a line that is not a tree", got=line[:60])
            words = re.findall(r"\(\d ([^()\s]+)\)", line)
            rows.append((_brackets(" ".join(words)), {0: 0, 1: 0, 3: 1, 4: 1}.get(int(root[1])), split))
    return rows


def _from_dictionary(folder: Path) -> list[tuple[str, int | None, str]]:
    def lines(name: str) -> list[str]:
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} does not exist", expected="the files of stanfordSentimentTreebank.zip")
        return path.read_text(encoding="utf-8").splitlines()

    phrase = dict(line.rsplit("|", 1) for line in lines("dictionary.txt") if line)
    value = dict(line.split("|") for line in lines("sentiment_labels.txt")[1:] if line)
    split = dict(line.split(",")[:2] for line in lines("datasetSplit.txt")[1:] if line)
    rows: list[tuple[str, int | None, str]] = []
    lost = []
    for line in lines("datasetSentences.txt")[1:]:
        number, _, text = line.partition("\t")
        text = _repaired(text)
        if text not in phrase:
            lost.append(number)
            continue
        score = float(value[phrase[text]])
        label = 0 if score <= 0.4 else 1 if score > 0.6 else None
        rows.append((text, label, {"1": "train", "2": "test", "3": "val"}[split[number]]))
    if len(lost) > 0.01 * (len(rows) + len(lost)):
        raise DataError(f"{len(lost)} sentences are not in the dictionary", got=f"sentence {lost[0]}, for instance")
    return rows


def _repaired(text: str) -> str:
    # The file of sentences holds UTF-8 that was taken for Latin-1 and encoded again; the dictionary does not.
    with contextlib.suppress(UnicodeEncodeError, UnicodeDecodeError):
        text = text.encode("latin-1").decode("utf-8")
    return _brackets(text)


def _brackets(text: str) -> str:
    return text.replace("-LRB-", "(").replace("-RRB-", ")")
