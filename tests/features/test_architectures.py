"""The head is found in real architectures: some of every hub here, all of them with CLEARHEAD_ALL_ARCHITECTURES=1.

The table of the whole sweep is in docs/architectures.md; `architectures.py` makes it.
"""

from __future__ import annotations

import itertools
import os

import architectures
import pytest

ALL = bool(os.environ.get("CLEARHEAD_ALL_ARCHITECTURES"))
SMALL_TIMM = {
    "test_resnet",
    "test_vit",
    "test_convnext",
    "test_byobnet",
    "test_efficientnet",
    "test_mambaout",
    "test_nfnet",
}
REFUSED = {"crossvit_tiny_240", "squeezenet1_0", "squeezenet1_1"}


@pytest.mark.parametrize("name", sorted(SMALL_TIMM | {"crossvit_tiny_240"}))
def test_timm(name):
    pytest.importorskip("timm")
    row = architectures.examine("timm", "", name, lambda: architectures.build_timm(name))
    assert row["outcome"] == ("refused" if name in REFUSED else "holds"), row
    if row["outcome"] == "holds":
        assert row["error"] < 1e-5


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_torchvision(name):
    pytest.importorskip("torchvision")
    row = architectures.examine("torchvision", "", name, lambda: architectures.build_torchvision(name))
    assert row["outcome"] == ("refused" if name in REFUSED else "holds"), row


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "electra", "llama"])
def test_hf_text(family):
    auto = pytest.importorskip("transformers.models.auto.modeling_auto")
    mapping = auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    row = architectures.examine("hf-text", family, family, lambda: architectures.build_hf(mapping, family, "text"))
    assert row["outcome"] == "holds", row


@pytest.mark.slow
@pytest.mark.skipif(not ALL, reason="CLEARHEAD_ALL_ARCHITECTURES=1 runs the whole sweep (about half an hour)")
@pytest.mark.parametrize("hub", list(architectures.HUBS))
def test_all(hub):
    rows = [architectures.examine(hub, family, name, build) for family, name, build in architectures.HUBS[hub]()]
    families = {key: list(group) for key, group in itertools.groupby(rows, key=lambda row: row["family"])}
    ran = [group for group in families.values() if any(row["outcome"] in ("holds", "refused") for row in group)]
    holding = [group for group in ran if any(row["outcome"] == "holds" for row in group)]
    assert len(holding) >= 0.9 * len(ran), [row for row in rows if row["outcome"] == "refused"]
