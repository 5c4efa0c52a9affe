"""The main job on small copies of the paper's data sets, laid out as the originals, with networks of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from clearhead.features.backbone import Backbone, load_backbone
from clearhead.features.layout_images import PLACES10
from clearhead.features.vision import ImagePreprocess
from clearhead.runs.run import Run

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "is", "fool", "you", "kind", "so"]


def standard():
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 16, 5, 2),
        nn.ReLU(),
        nn.Conv2d(16, 24, 3, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return Backbone.from_module(nn.Sequential(*layers, nn.Linear(24, 1000)), ImagePreprocess(32, 32), kind="image")


@pytest.fixture
def robust(tmp_path):
    """A checkpoint as MadryLab's library writes it."""
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    state = {f"module.model.{n}": t for n, t in models.resnet18(num_classes=10).state_dict().items()}
    state |= {
        "module.normalizer.new_mean": torch.full((3, 1, 1), 0.5),
        "module.normalizer.new_std": torch.ones(3, 1, 1),
    }
    torch.save({"model": state}, tmp_path / "imagenet_l2_3_0.pt")
    found = load_backbone(f"robustness:resnet18@{tmp_path}/imagenet_l2_3_0.pt")
    return Backbone.from_module(found.model, ImagePreprocess(32, 32, (0, 0, 0), (1, 1, 1)), kind="image")


def shaded(path, c: int, i: int) -> None:
    """A noisy picture whose colour tells its class."""
    random = np.random.default_rng((c, i))
    pixels = np.clip(random.normal(0, 25, (32, 32, 3)) + [25 * c, 255 - 25 * c, 128], 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="JPEG")


def imagenet(folder):
    for c in range(4):
        for i in range(24):
            shaded(folder / "train" / f"n0{c}" / f"{i}.JPEG", 3 * c, i)
    (folder / "val").mkdir()
    rows = ["ImageId,PredictionString"]
    for i in range(24):
        shaded(folder / "val" / f"ILSVRC2012_val_{i:08d}.JPEG", 3 * (i % 4), 100 + i)
        rows.append(f"ILSVRC2012_val_{i:08d},n0{i % 4} 1 2 3 4")
    (folder / "LOC_val_solution.csv").write_text("\n".join(rows) + "\n")
    return str(folder)


def places10(folder):
    for c, name in enumerate(PLACES10):
        for i in range(24):
            part = "train" if i < 16 else "val"
            shaded(folder / part / name.replace("/", "-") / f"{i}.jpg", c, i)
    return f"places10:{folder}"


@pytest.mark.parametrize("data", [imagenet, places10])
@pytest.mark.parametrize("kind", ["standard", "robust"])
def test_images(tmp_path, data, kind, request):
    backbone = standard() if kind == "standard" else request.getfixturevalue("robust")
    folder = tmp_path / "data"
    folder.mkdir()
    run = Run(tmp_path / "run", model=backbone, data=data(folder), n_lambdas=15, tol=1e-2)
    run()
    finished(run)


def sentences(c: int, n: int, seed: int) -> list[str]:
    random = np.random.default_rng((c, seed))
    return [" ".join(["the film is", "good" if c else "bad", *random.choice(WORDS[7:], 4)]) for _ in range(n)]


def sst(folder):
    for name, n in (("train", 40), ("dev", 12), ("test", 12)):
        trees = [
            f"({4 * c} " + " ".join(f"(2 {w})" for w in s.split()) + ")" for c in (0, 1) for s in sentences(c, n, n)
        ]
        (folder / "trees").mkdir(exist_ok=True)
        (folder / "trees" / f"{name}.txt").write_text("\n".join(trees) + "\n")
    return str(folder)


def jigsaw(folder):
    names = "toxic,severe_toxic,obscene,threat,insult,identity_hate"
    random = np.random.default_rng(0)
    rows = [(i, sentences(i % 2, 1, i)[0], [i % 2, *random.integers(0, 2, 5)]) for i in range(260)]
    train = [f"{i},{text},{','.join(map(str, y))}" for i, text, y in rows[:200]]
    (folder / "train.csv").write_text(f"id,comment_text,{names}\n" + "\n".join(train) + "\n")
    (folder / "test.csv").write_text("id,comment_text\n" + "".join(f"{i},{text}\n" for i, text, _ in rows[200:]))
    scored = [f"{i},{','.join(map(str, y if i % 5 else [-1] * 6))}" for i, _, y in rows[200:]]
    (folder / "test_labels.csv").write_text(f"id,{names}\n" + "\n".join(scored) + "\n")
    return str(folder)


@pytest.mark.parametrize("data", [sst, jigsaw])
@pytest.mark.parametrize("kind", ["classifier", "encoder"])
def test_texts(tmp_path, data, kind):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
        num_labels=6 if data is jigsaw else 2,
    )  # fmt: skip
    model = (transformers.BertForSequenceClassification if kind == "classifier" else transformers.BertModel)(config)
    model.save_pretrained(tmp_path / "model")
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)})
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "data").mkdir()
    run = Run(tmp_path / "run", model=f"hf:{tmp_path}/model", data=data(tmp_path / "data"), n_lambdas=15, tol=1e-2)
    run()
    finished(run)
    assert (run.table.dense_head is None) is (kind == "encoder")


def finished(run: Run) -> None:
    """The page is there, and the head is better than guessing."""
    assert (run.folder / "report" / "index.html").is_file()
    table, rows = run.table, run.split.test
    guess = run.head.predict(table.take(rows).float()) if table.labels.ndim == 1 else None
    if guess is not None:
        chance = 1 / len(table.class_names)
        assert float((guess == table.labels[rows]).float().mean()) > 1.5 * chance
