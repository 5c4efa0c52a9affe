"""Extraction: what the table holds is what the network computes, whole or not at all, however often it is killed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from clearhead.core.errors import DataError, SettingError
from clearhead.features.backbone import Backbone
from clearhead.features.extract import ExtractOptions, extract
from clearhead.features.inputs import in_memory, load_examples
from clearhead.features.table import FeatureTable

from conftest import PREPROCESS, SmallNet  # isort: skip


class StopError(Exception):
    pass


class StopAfter:
    """Progress that breaks off the work after some examples."""

    def __init__(self, examples: int) -> None:
        self.left = examples

    def start(self, task, total=None):
        pass

    def advance(self, steps=1, note=""):
        self.left -= 0 if note else steps
        if self.left < 0:
            raise StopError

    def finish(self, note=""):
        pass


def test_the_table_holds_what_the_network_computes(backbone, pictures, tmp_path):
    table = extract(backbone, pictures, tmp_path, batch_size=7, dtype="float32", shard_rows=20)
    features, logits = backbone.features_and_logits(PREPROCESS([pictures[i] for i in range(50)]))
    torch.testing.assert_close(table.take(torch.arange(50)), features)
    assert torch.equal(table.prediction, logits.argmax(1))
    assert torch.equal(table.labels, pictures.labels)
    assert torch.equal(table.dense_head.weight, backbone.weight)
    assert table.class_names == ["a", "b", "c"]
    assert table.manifest["changed_predictions"] == 0
    assert table.manifest["head_layer"] == "fc"
    assert len(table.manifest["shards"]) == 3


@pytest.mark.parametrize("workers", [None, 0, 1, 3])
def test_interrupted_tables_are_bit_equal(backbone, pictures, tmp_path, workers):
    settings = {"batch_size": 6, "shard_rows": 10, "options": ExtractOptions(workers=workers)}
    whole = extract(backbone, pictures, tmp_path / "whole", **settings)
    for examples in (3, 17, 25):
        with pytest.raises(StopError):
            extract(backbone, pictures, tmp_path / "parts", progress=StopAfter(examples), **settings)
        assert not (tmp_path / "parts" / "manifest.json").exists()
    resumed = extract(backbone, pictures, tmp_path / "parts", **settings)
    assert torch.equal(resumed.take(torch.arange(50)), whole.take(torch.arange(50)))
    assert resumed.key == whole.key
    files = [table.manifest["files"] for table in (resumed, whole)]
    assert files[0] == files[1]


def test_a_finished_table_is_not_made_again(backbone, pictures, tmp_path):
    extract(backbone, pictures, tmp_path)
    assert len(extract(backbone, pictures, tmp_path, progress=StopAfter(0))) == 50
    with pytest.raises(StopError):
        extract(backbone, pictures.subset(range(40)), tmp_path, progress=StopAfter(0))
    assert len(extract(backbone, pictures.subset(range(40)), tmp_path)) == 40


def test_a_broken_shard_is_made_again(backbone, pictures, tmp_path):
    whole = extract(backbone, pictures, tmp_path, shard_rows=10).take(torch.arange(50))
    (tmp_path / "manifest.json").unlink()
    path = tmp_path / "shard-00002.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(extract(backbone, pictures, tmp_path, shard_rows=10).take(torch.arange(50)), whole)


class Exploding(SmallNet):
    def forward(self, x):
        return self.fc(x.mean((2, 3)).repeat(1, 3)[:, :8] * 1e7)


def test_overflow_falls_back_to_float32(pictures, tmp_path):
    backbone = Backbone.from_module(Exploding(), PREPROCESS, kind="image")
    table = extract(backbone, pictures, tmp_path, shard_rows=10)
    assert table.dtype is torch.float32
    assert bool(torch.isfinite(table.take(torch.arange(50))).all())
    assert "overflow" in table.manifest["dtype_note"]
    assert len(extract(backbone, pictures, tmp_path, shard_rows=10, progress=StopAfter(0))) == 50


class Close(SmallNet):
    """Classes whose logits differ by less than half precision resolves."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.fc.weight[1] = self.fc.weight[0] * (1 + 1e-6)


def test_predictions_that_half_precision_changes_are_counted(pictures, tmp_path):
    backbone = Backbone.from_module(Close(), PREPROCESS, kind="image")
    table = extract(backbone, pictures, tmp_path, dtype="bfloat16")
    again = (table.take(torch.arange(50)).float() @ table.dense_head.weight.T + table.dense_head.bias).argmax(1)
    assert table.manifest["changed_predictions"] == int((again != table.prediction).sum())


def test_unreadable_images_are_named_or_skipped_and_counted(backbone, image_tree, tmp_path):
    (image_tree / "cat" / "4.png").write_bytes(b"not an image")
    examples = load_examples(image_tree)
    with pytest.raises(DataError, match=r"cat/4\.png is not a readable image"):
        extract(backbone, examples, tmp_path / "t")
    table = extract(backbone, examples, tmp_path / "t", skip_unreadable=True, shard_rows=4)
    assert table.manifest["skipped"] == ["cat/4.png"]
    assert len(table) == 9
    assert "cat/4.png" not in table.uris
    assert table.labels.tolist() == [0] * 4 + [1] * 5


def test_a_shard_without_one_readable_image(backbone, image_tree, tmp_path):
    for i in (0, 2, 4):
        (image_tree / "cat" / f"{i}.png").write_bytes(b"")
    table = extract(backbone, load_examples(image_tree), tmp_path / "t", skip_unreadable=True, shard_rows=3)
    assert len(table) == 7
    assert table.take(torch.arange(7)).shape == (7, 8)
    assert table.labels.tolist() == [0] * 2 + [1] * 5


class Viewing(nn.Module):
    """Calls ``view`` on a feature map, which the channels-last layout forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(196, 3)

    def forward(self, x):
        return self.fc(self.conv(x).view(len(x), -1))


def test_a_network_that_needs_its_own_layout(pictures, tmp_path):
    backbone = Backbone.from_module(Viewing(), PREPROCESS, kind="image")
    table = extract(backbone, pictures, tmp_path, dtype="float32")
    expected = backbone.features(PREPROCESS([pictures[i] for i in range(50)]))
    torch.testing.assert_close(table.take(torch.arange(50)), expected)


class WordCounts(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.head = nn.Linear(4, k)

    def forward(self, x):
        return self.head(x)


def count_words(texts):
    return torch.tensor([[t.count("a"), t.count("b"), len(t), 1.0] for t in texts])


@pytest.mark.parametrize("many", [True, False])
def test_sentences_come_back_in_order_with_their_texts(tmp_path, many):
    texts = ["ab " * (i % 7) + str(i) for i in range(30)]
    labels = np.random.default_rng(0).integers(0, 2, (30, 2) if many else 30)
    backbone = Backbone.from_module(WordCounts(2), count_words, kind="text")
    table = extract(backbone, in_memory(texts, labels), tmp_path, batch_size=4, shard_rows=12)
    assert table.texts == texts
    torch.testing.assert_close(table.take(torch.arange(30)), count_words(texts).half())
    assert table.prediction.shape == labels.shape


def test_classes_are_matched_by_name(pictures, tmp_path):
    names = ["c", "x", "a", "b"]
    backbone = Backbone.from_module(SmallNet(4), PREPROCESS, kind="image", class_names=names)
    table = extract(backbone, pictures, tmp_path)
    assert torch.equal(table.dense_head.weight, backbone.weight[[2, 3, 0]])
    assert set(table.prediction.tolist()) <= {0, 1, 2}
    assert table.manifest["classes"] == "3 of the network's 4 classes, by name"


def test_classes_that_are_others_leave_no_dense_head(pictures, tmp_path):
    backbone = Backbone.from_module(SmallNet(4), PREPROCESS, kind="image")
    table = extract(backbone, pictures, tmp_path)
    assert table.dense_head is None
    assert table.prediction is None
    assert "not the data's" in table.manifest["classes"]


def test_an_encoder_and_examples_without_labels(pixels, tmp_path):
    backbone = Backbone.from_module(SmallNet(), PREPROCESS, kind="image", encoder=True)
    table = extract(backbone, in_memory(pixels), tmp_path)
    assert (table.labels, table.prediction, table.dense_head) == (None, None, None)


def test_bad_settings(backbone, pictures, tmp_path):
    with pytest.raises(SettingError, match="batch size"):
        extract(backbone, pictures, tmp_path, batch_size=0)
    with pytest.raises(SettingError, match="stored type"):
        extract(backbone, pictures, tmp_path, dtype="int8")
    with pytest.raises(DataError, match="takes images"):
        extract(backbone, in_memory(["one", "two"]), tmp_path)


def test_images_of_any_mode(backbone, tmp_path):
    modes = [Image.new(mode, (20, 30)) for mode in ("RGB", "L", "RGBA", "P", "1", "CMYK")]
    assert len(extract(backbone, in_memory(modes), tmp_path)) == 6


def test_open_by_folder(backbone, pictures, tmp_path):
    extract(backbone, pictures, tmp_path)
    assert len(FeatureTable.open(tmp_path, verify=True)) == 50
