"""The paper's experiments on small copies of its data sets: each makes the table row or the figure that it names."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import SettingError
from clearhead.runs.recipes import EXPERIMENTS, Options, perform

FAST = {"n_lambdas": 6, "lambda_min_ratio": 0.003, "tol": 1e-3, "feature_dtype": "float32"}
FEW = Options(masks=40, steps=2, sentences=30)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "is", "fool", "you", "kind", "so"]
NETWORK = """
import torch
from torch import nn
from clearhead.features.vision import ImagePreprocess

def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 12, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(12, 4)), ImagePreprocess(32, 32)
"""


def test_every_table_row_and_figure_is_listed_once() -> None:
    assert len([e for e in EXPERIMENTS.values() if e.product == "ablation"]) == 18
    sections = " ".join(e.section for e in EXPERIMENTS.values())
    for number in {*range(12, 36)} - {25}:  # 25 is a table
        assert f"Fig. {number}" in sections, number
    for wanted in ("Table 36", "Table 37", "Table 25", "Table 4b", "Algorithm 1", "Algorithm 2", "Algorithm 3"):
        assert wanted in sections
    for experiment in EXPERIMENTS.values():
        assert experiment.outputs
        assert experiment.as_dict()["command"].startswith(f"clearhead paper run {experiment.name}")
    settings = EXPERIMENTS["table37-imagenet-standard"].config
    assert (settings.fit.n_lambdas, settings.fit.l1_ratio, settings.select.tolerance) == (100, 0.99, 0.05)
    assert settings.data.val_is_test


def test_what_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such experiment"):
        perform("table38", out=tmp_path)
    with pytest.raises(SettingError, match="needs its data"):
        perform("table37-sst", out=tmp_path)
    with pytest.raises(SettingError, match="needs its network"):
        perform("table37-imagenet-robust", data=str(tmp_path), out=tmp_path / "run")


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Four classes with noisy colours as ImageNet lies on disk, a flat val beside its devkit, and a small network."""
    from scipy.io import savemat

    folder, draw = tmp_path_factory.mktemp("imagenet"), np.random.default_rng(0)
    kit = folder / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    rows = [(c + 1, f"n0{c}", f"colour {c}") for c in range(4)]
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=fields)})

    def picture(path: Path, c: int) -> None:
        c = c if draw.random() > 0.15 else int(draw.integers(4))  # so that there are mistakes
        pixels = np.clip(draw.normal(0, 70, (32, 32, 3)) + [60 + 40 * c, 200 - 40 * c, 128], 0, 255).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((8, 8)).resize((32, 32)).save(path, format="JPEG")

    for c in range(4):
        for i in range(24):
            picture(folder / "train" / f"n0{c}" / f"{i}.JPEG", c)
    for i in range(40):
        picture(folder / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG", i % 4)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{i % 4 + 1}\n" for i in range(40)))
    (folder / "network.py").write_text(NETWORK)
    model = f"{folder / 'network.py'}:network"
    return {"data": str(folder), "model": model, "out": folder / "run"}


@pytest.mark.parametrize(
    "name",
    ["table37-imagenet-robust", "figure13", "figure16-imagenet-robust", "figure17-imagenet-robust", "figure20",
     "figure34-imagenet-robust", "figure23", "table25", "figure28", "figure29", "figure30", "figure31", "figure32",
     "figure35", "misclassification-study"],
)  # fmt: skip
def test_images(name: str, imagenet: dict[str, str]) -> None:
    patterns = Path(imagenet["data"]) / "train" / "n03"
    options = replace(FEW, patterns=patterns, target="colour 3") if name == "figure31" else FEW
    outcome = perform(name, options=options, rule="target", features_per_class=7.0, **imagenet, **FAST)
    for file in EXPERIMENTS[name].outputs:
        assert (outcome.folder / file).stat().st_size > 0
    if name.startswith("table37"):
        ours, published = outcome.findings[0].tables["row"].rows()
        assert ours["n"] == 40, "the official validation images are the test"
        assert published["sparse_all"] == 59.99
        assert "ImageNet (robust)" in (outcome.folder / f"{name}.md").read_text()
        whole = perform("table37", out=Path(imagenet["out"]).parent)
        assert [row["Dataset/Model"] for row in whole.findings[0].tables["row"].rows()] == ["ImageNet (robust)"]


def sentences(draw: np.random.Generator, c: int) -> str:
    return " ".join(["the film is", "good" if c else "bad", *draw.choice(WORDS[7:], 4)])


def bert(folder: Path, labels: int) -> str:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "features"))
    import torchvision_on_cpu

    torchvision_on_cpu.declare()
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=labels,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    return f"hf:{folder}"


@pytest.fixture(scope="module")
def sst(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """GLUE's files."""
    folder, draw = tmp_path_factory.mktemp("sst"), np.random.default_rng(0)
    for part, n in (("train", 100), ("dev", 30), ("test", 30)):
        lines = [f"{sentences(draw, i % 2)}\t{i % 2}" for i in range(n)]
        (folder / f"{part}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")
    return {"data": str(folder), "model": bert(folder / "model", 2), "out": folder / "run"}


@pytest.mark.parametrize("name", ["table37-sst", "figure16-words", "algorithm2", "algorithm3"])
def test_sentiment(name: str, sst: dict[str, str]) -> None:
    outcome = perform(name, options=FEW, **sst, **FAST)
    assert all((outcome.folder / file).stat().st_size > 0 for file in EXPERIMENTS[name].outputs)


@pytest.mark.parametrize("name", ["table37-toxic-bert-obscene", "table37-toxic-bert-threat", "figure26"])
def test_comments(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, draw = tmp_path_factory.mktemp("jigsaw"), np.random.default_rng(0)
    names = "toxic,severe_toxic,obscene,threat,insult,identity_hate"
    rows = [(sentences(draw, i % 2), [i % 2, *draw.integers(0, 2, 2), int(i < 4), *draw.integers(0, 2, 2)])
            for i in range(160)]  # fmt: skip
    train = [f"{i},{text},{','.join(map(str, y))}" for i, (text, y) in enumerate(rows[:110])]
    (folder / "train.csv").write_text(f"id,comment_text,{names}\n" + "\n".join(train) + "\n")
    test = list(enumerate(rows))[110:]
    (folder / "test.csv").write_text("id,comment_text\n" + "".join(f"{i},{text}\n" for i, (text, _) in test))
    scored = [f"{i},{','.join(map(str, y if i % 5 else [-1] * 6))}" for i, (_, y) in test]
    (folder / "test_labels.csv").write_text(f"id,{names}\n" + "\n".join(scored) + "\n")
    model = bert(folder / "model", 6)
    outcome = perform(name, data=str(folder), model=model, out=folder / "run", options=FEW, **FAST)
    assert all((outcome.folder / file).stat().st_size > 0 for file in EXPERIMENTS[name].outputs)
    if name == "figure26":
        return
    row = outcome.findings[0].tables["row"].rows()[0]
    assert row["Dataset/Model"].startswith("Toxic-BERT (")
    assert row["n"] % 2 == 0, "as many of either class"
    assert (outcome.folder / f"{name}.tex").is_file()


@pytest.mark.parametrize("name", ["table36", "algorithm1"])
def test_the_solver(name: str, tmp_path: Path) -> None:
    """CIFAR-10's binary files with ten grey levels."""
    draw, home = np.random.default_rng(0), tmp_path / "cifar-10-batches-bin"
    home.mkdir()
    for file, n in (("data_batch_1.bin", 100), ("test_batch.bin", 30)):
        labels = np.arange(n)[:, None] % 10
        pixels = np.clip(draw.normal(25 * labels, 20, (n, 3072)), 0, 255)
        np.hstack([labels, pixels]).astype(np.uint8).tofile(home / file)
    (tmp_path / "network.py").write_text(NETWORK)
    model = f"{tmp_path / 'network.py'}:network"
    outcome = perform(
        name,
        data=str(tmp_path),
        model=model,
        out=tmp_path / "run",
        **{**FAST, "n_lambdas": 3, "lambda_min_ratio": 0.1, "tol": 0.1},
    )
    rows = outcome.findings[0].tables["row"].rows()
    assert all((outcome.folder / file).stat().st_size > 0 for file in EXPERIMENTS[name].outputs)
    assert {row["solver"] for row in rows} == {"auto", "saga"} if name == "table36" else len(rows) == 3
