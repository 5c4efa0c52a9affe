"""The head: one scale, one truth about zeros, edits, storage, and life inside a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from clearhead.core.errors import ArtifactError, InputError, ModelError
from clearhead.core.rows import as_rows
from clearhead.core.scaling import Standardizer
from clearhead.head import Edit, SparseHead, apply_edits, attach, read_edits, write_edits

P, K = 5, 3


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(40, P, generator=torch.Generator().manual_seed(0)) * 2 + 3


@pytest.fixture
def head(features: torch.Tensor) -> SparseHead:
    weight = torch.randn(P, K, generator=torch.Generator().manual_seed(1))
    weight[1] = 0
    names = {"class_names": ["cat", "dog", "eel"], "feature_names": [f"f{i}" for i in range(P)]}
    return SparseHead(weight, torch.tensor([0.1, 0.2, -0.3]), Standardizer.fit(as_rows(features)), **names)


def margin(features: torch.Tensor, weight: torch.Tensor) -> SparseHead:
    return SparseHead(weight, torch.tensor([0.4]), Standardizer.fit(as_rows(features)), link="margin")


def test_contributions_sum_to_the_logit(head: SparseHead, features: torch.Tensor) -> None:
    total = head.contributions(features, "dog").sum(1) + head.intercept[1]
    torch.testing.assert_close(total, head(features)[:, 1])
    assert head.used().tolist() == [0, 2, 3, 4]
    assert head.features_per_class == 4


def test_top_features_are_ordered_by_magnitude(head: SparseHead) -> None:
    top = head.top_features("cat", 3)
    assert len(top) == 3
    assert [abs(w) for _, w in top] == sorted((abs(w) for _, w in top), reverse=True)
    assert all(j != 1 for j, _ in head.top_features("cat"))


def test_dense_head_is_the_network_on_z(features: torch.Tensor) -> None:
    layer = nn.Linear(P, K)
    dense = SparseHead.from_dense(layer.weight, layer.bias, Standardizer.fit(as_rows(features)))
    torch.testing.assert_close(dense(features), layer(features), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(dense.as_linear()(features), layer(features), atol=1e-5, rtol=1e-5)


def test_margin_head_is_a_sigmoid(features: torch.Tensor) -> None:
    head = margin(features, torch.randn(P, 1))
    torch.testing.assert_close(head(features).softmax(-1), head.probabilities(features))
    assert (head.predict(features) == head.probabilities(features).argmax(1)).all()
    torch.testing.assert_close(head.class_weights()[:, 0], -head.class_weights()[:, 1])
    torch.testing.assert_close(head.as_linear()(features), head(features), atol=1e-5, rtol=1e-5)


def test_multilabel_answers_every_label(features: torch.Tensor) -> None:
    head = SparseHead(torch.randn(P, 4), torch.zeros(4), Standardizer.identity(P), link="multilabel")
    assert head.predict(features).shape == (40, 4)
    assert set(head.predict(features).unique().tolist()) <= {0, 1}


def test_save_and_load(head: SparseHead, features: torch.Tensor, tmp_path: Path) -> None:
    head.save(tmp_path)
    loaded = SparseHead.load(tmp_path)
    assert torch.equal(loaded(features), head(features))
    assert loaded.class_names == head.class_names
    (tmp_path / "head.safetensors").write_bytes((tmp_path / "head.safetensors").read_bytes() + b" ")
    with pytest.raises(ArtifactError):
        SparseHead.load(tmp_path)


def test_bad_arguments(head: SparseHead, features: torch.Tensor) -> None:
    with pytest.raises(InputError, match="did you mean dog"):
        head.contributions(features, "dgo")
    with pytest.raises(InputError, match="0 to 2"):
        head.top_features(7)
    with pytest.raises(InputError, match="another width"):
        head(features[:, :2])
    with pytest.raises(InputError, match="fit together"):
        SparseHead(torch.zeros(3, 2), torch.zeros(3), Standardizer.identity(3))
    with pytest.raises(InputError, match="one name a class"):
        SparseHead(torch.zeros(3, 2), torch.zeros(2), Standardizer.identity(3), class_names=["a"])


def test_edits(head: SparseHead) -> None:
    w = head.weight
    removed = apply_edits(head, [Edit("f2", "remove", classes=("dog",))]).weight
    assert removed[2, 1] == 0
    assert torch.equal(removed[2, [0, 2]], w[2, [0, 2]])
    assert apply_edits(head, [Edit(0, "clip", value=0.01)]).weight[0].abs().max() <= 0.01
    torch.testing.assert_close(apply_edits(head, [Edit(0, "scale", value=0.5)]).weight[0], w[0] / 2)
    merged = apply_edits(head, [Edit(0, "merge", into="f3")]).weight
    torch.testing.assert_close(merged[3], w[0] + w[3])
    assert (merged[0] == 0).all()
    assert not torch.equal(merged, w), "the head itself is not changed"


def test_edits_of_one_score_change_both_classes(features: torch.Tensor) -> None:
    head = margin(features, torch.ones(P, 1))
    edited = apply_edits(head, [Edit(0, "remove", classes=(1,))])
    assert (edited.class_weights()[0] == 0).all()


def test_edits_file(head: SparseHead, tmp_path: Path) -> None:
    edits = [Edit(0, "remove", classes=("cat", 2)), Edit("f3", "scale", value=0.5), Edit(2, "merge", into=4)]
    write_edits(tmp_path / "edits.json", edits)
    assert read_edits(tmp_path / "edits.json") == edits
    (tmp_path / "bad.json").write_text(json.dumps({"schema": 1, "edits": [{"feature": 1, "code": "rm"}]}))
    with pytest.raises(InputError, match="edit 0"):
        read_edits(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("f9"), "no feature has this name"),
        (Edit(99), "no feature has this number"),
        (Edit(0, classes=("cow",)), "no class has this name"),
        (Edit(0, "explode"), "unknown action"),
        (Edit(0, "clip"), "finite value"),
        (Edit(0, "clip", value=-1.0), "magnitude"),
        (Edit(0, "merge"), "merge into"),
        (Edit(0, "merge", into=0), "into itself"),
    ],
)
def test_edits_that_cannot_be_done(head: SparseHead, edit: Edit, message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_edits(head, [edit])


def test_attach_replaces_the_layer(head: SparseHead) -> None:
    network = nn.Sequential(nn.Linear(7, P), nn.ReLU(), nn.Linear(P, K)).eval()
    x = torch.randn(9, 7)
    deep = network[1](network[0](x))
    new = attach(network, head, head_layer="2")
    torch.testing.assert_close(new(x), head(deep), atol=1e-5, rtol=1e-5)
    assert not torch.equal(network(x), new(x)), "the network itself is not changed"
    exported = torch.export.export(new, (x,)).module()
    torch.testing.assert_close(exported(x), new(x))
    with pytest.raises(ModelError, match="not found"):
        attach(network, head, head_layer="fc")
    with pytest.raises(ModelError, match="another width"):
        attach(network, head, head_layer="0")


def test_attach_to_a_convolutional_head(head: SparseHead) -> None:
    network = nn.Sequential(nn.Conv2d(3, P, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(P, K, 1), nn.Flatten())
    x = torch.randn(2, 3, 8, 8)
    deep = network[1](network[0](x)).flatten(1)
    torch.testing.assert_close(attach(network, head, head_layer="2")(x), head(deep), atol=1e-5, rtol=1e-5)
