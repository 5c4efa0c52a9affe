"""The paper's data sets in small, laid out on disk as the originals, and small networks of its kinds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.features.layout_images import PLACES10

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "is", "fool", "you", "kind", "so"]
TOXIC = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
# What unitary/unbiased-toxic-roberta calls its first seven of sixteen outputs.
UNBIASED = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
NETWORK = """
import torch
from torch import nn
from clearhead.features.vision import ImagePreprocess

def network(classes=4, seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Conv2d(3, 12, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(12, classes)), ImagePreprocess(32, 32)

def places():
    return network(10, 1)
"""


def network(folder: Path, name: str = "network") -> str:
    """A small convolutional network."""
    (folder / "network.py").write_text(NETWORK)
    return f"{folder / 'network.py'}:{name}"


def picture(path: Path, c: int, classes: int, draw: np.random.Generator) -> None:
    """A noisy colour of its class, now and then of another, so that there are mistakes."""
    c = c if draw.random() > 0.15 else int(draw.integers(classes))
    shade = 120 * c / (classes - 1)
    pixels = np.clip(draw.normal(0, 70, (32, 32, 3)) + [60 + shade, 200 - shade, 128], 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).resize((8, 8)).resize((32, 32)).save(path, format="JPEG")


def imagenet(folder: Path) -> None:
    """Four classes; a flat val beside its devkit."""
    from scipy.io import savemat

    draw, kit = np.random.default_rng(0), folder / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    rows = [(c + 1, f"n0{c}", f"colour {c}") for c in range(4)]
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=fields)})
    for c in range(4):
        for i in range(24):
            picture(folder / "train" / f"n0{c}" / f"{i}.JPEG", c, 4, draw)
    for i in range(40):
        picture(folder / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG", i % 4, 4, draw)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{i % 4 + 1}\n" for i in range(40)))


def places10(folder: Path) -> None:
    """Its ten classes and one other, in lettered folders, and a flat val with its two lists."""
    draw = np.random.default_rng(0)
    names = [f"/{name[0]}/{name}" for name in (*PLACES10, "zoo")]
    (folder / "categories_places365.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)))
    for c, name in enumerate(names):
        for i in range(16):
            picture(folder / "data_256" / name[1:] / f"{i}.jpg", c % 10, 10, draw)
    lines = []
    for i in range(44):
        picture(folder / "val_256" / f"Places365_val_{i}.jpg", i % 11 % 10, 10, draw)
        lines.append(f"Places365_val_{i}.jpg {i % 11}\n")
    (folder / "places365_val.txt").write_text("".join(lines))


def sentence(draw: np.random.Generator, c: int) -> str:
    """One of two kinds of sentence, told by one word."""
    return " ".join(["the film is", "good" if c else "bad", *draw.choice(WORDS[7:], 4)])


def treebank(folder: Path) -> None:
    """The Stanford Sentiment Treebank's four files."""
    draw, parts = np.random.default_rng(0), [1] * 100 + [3] * 30 + [2] * 30
    said = [sentence(draw, i % 2) for i in range(len(parts))]
    phrases = list(dict.fromkeys(said))
    score = {text: 0.9 if " good" in text[:16] else 0.1 for text in phrases}
    tables = {
        "datasetSentences.txt": ["sentence_index\tsentence", *(f"{i}\t{text}" for i, text in enumerate(said, 1))],
        "datasetSplit.txt": ["sentence_index,splitset_label", *(f"{i},{part}" for i, part in enumerate(parts, 1))],
        "dictionary.txt": [f"{text}|{i}" for i, text in enumerate(phrases)],
        "sentiment_labels.txt": [
            "phrase ids|sentiment values",
            *(f"{i}|{score[text]}" for i, text in enumerate(phrases)),
        ],
    }
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n")


def glue(folder: Path) -> None:
    """GLUE's SST-2."""
    draw = np.random.default_rng(0)
    for part, n in (("train", 100), ("dev", 30), ("test", 30)):
        lines = [f"{sentence(draw, i % 2)}\t{i % 2}" for i in range(n)]
        (folder / f"{part}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")


def jigsaw(folder: Path) -> None:
    """Kaggle's three files: every fifth test row unscored, threats too rare to fit."""
    draw, names = np.random.default_rng(0), ",".join(TOXIC)
    rows = [(sentence(draw, i % 2), [i % 2, *draw.integers(0, 2, 2), int(i < 4), *draw.integers(0, 2, 2)])
            for i in range(160)]  # fmt: skip
    train = [f"{i},{text},{','.join(map(str, y))}" for i, (text, y) in enumerate(rows[:110])]
    (folder / "train.csv").write_text(f"id,comment_text,{names}\n" + "\n".join(train) + "\n")
    test = list(enumerate(rows))[110:]
    (folder / "test.csv").write_text("id,comment_text\n" + "".join(f"{i},{text}\n" for i, (text, _) in test))
    scored = [f"{i},{','.join(map(str, y if i % 5 else [-1] * 6))}" for i, (_, y) in test]
    (folder / "test_labels.csv").write_text(f"id,{names}\n" + "\n".join(scored) + "\n")


def cifar10(folder: Path) -> None:
    """The binary version, ten grey levels."""
    draw, home = np.random.default_rng(0), folder / "cifar-10-batches-bin"
    home.mkdir()
    for file, n in (("data_batch_1.bin", 100), ("test_batch.bin", 30)):
        labels = np.arange(n)[:, None] % 10
        pixels = np.clip(draw.normal(25 * labels, 20, (n, 3072)), 0, 255)
        np.hstack([labels, pixels]).astype(np.uint8).tofile(home / file)


def text_network(folder: Path, kind: str) -> str:
    """A small network as the paper's lies on disk: "sst" (one logit on the first token), "toxic" or "unbiased"."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "features"))
    import torchvision_on_cpu

    torchvision_on_cpu.declare()
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16,
    }  # fmt: skip
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    if kind == "sst":
        return _first_token(transformers, folder, transformers.BertConfig(**sizes))
    if kind == "unbiased":
        names = [*UNBIASED, *(f"group {i}" for i in range(9))]
        # RoBERTa counts its positions from after the padding token, here the first.
        config = transformers.RobertaConfig(**sizes, id2label=dict(enumerate(names)), pad_token_id=0)
        transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
    else:
        config = transformers.BertConfig(**sizes, id2label=dict(enumerate(TOXIC)))
        transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return f"hf:{folder}"


def _first_token(transformers: Any, folder: Path, config: Any) -> str:
    from safetensors.torch import save_file

    bert, head = transformers.BertModel(config), torch.nn.Linear(16, 1)
    bert.save_pretrained(folder)
    state = {f"bert.{n}": t for n, t in bert.state_dict().items()}
    save_file(
        state | {f"cls_layer.{n}": t.detach() for n, t in head.state_dict().items()}, folder / "model.safetensors"
    )
    described = json.loads((folder / "config.json").read_text())
    described["architectures"] = ["BertForSentimentClassification"]
    (folder / "config.json").write_text(json.dumps(described))
    return f"hf:{folder}"
