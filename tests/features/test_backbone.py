"""Finding the head: the identity W·f + b = logits holds, or the error says what to pass."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clearhead.core.errors import InputError, ModelError, SettingError
from clearhead.features.backbone import Backbone, load_backbone, predict
from clearhead.features.heads import candidates

from conftest import PREPROCESS, SmallNet  # isort: skip


def image_backbone(model: nn.Module, **kwargs):
    return Backbone.from_module(model, PREPROCESS, kind="image", **kwargs)


def test_features_times_head_are_the_logits(backbone, pictures):
    batch = PREPROCESS([pictures[i] for i in range(7)])
    features, logits = backbone.features_and_logits(batch)
    assert backbone.head_layer == "fc"
    assert backbone.n_features == 8
    assert backbone.n_classes == 3
    assert backbone.identity_error < 1e-6
    torch.testing.assert_close(features @ backbone.weight.T + backbone.bias, logits)
    torch.testing.assert_close(backbone.features(batch), features)
    assert torch.equal(logits, backbone.model(batch))


def test_hooks_are_gone_and_gradients_flow(backbone):
    pixels = torch.rand(1, 3, 16, 16, requires_grad=True)
    backbone.features(pixels).sum().backward()
    assert pixels.grad.abs().sum() > 0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in backbone.model.modules())


class TwoHeads(SmallNet):
    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(8, 3)

    def forward(self, x):
        f = torch.relu(self.conv(x)).mean((2, 3))
        return (self.fc(f) + self.second(f)) / 2


class Squashed(SmallNet):
    def forward(self, x):
        return torch.tanh(super().forward(x))


class ConvHead(nn.Module):
    def __init__(self, relu: bool, pool_first: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)  # some heads are positive everywhere, and a rectifier after them changes nothing
        self.body, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 1)
        self.relu, self.pool_first = relu, pool_first

    def forward(self, x):
        f = self.body(x)
        f = f.mean((2, 3), keepdim=True) if self.pool_first else f
        y = self.head(f)
        return (torch.relu(y) if self.relu else y).mean((2, 3))


class Auxiliary(SmallNet):
    """An auxiliary head of the same size that does not make the output."""

    def __init__(self) -> None:
        super().__init__()
        self.aux = nn.Linear(8, 3)

    def forward(self, x):
        self.aux(torch.relu(self.conv(x)).mean((2, 3)) * 2)
        return super().forward(x)


class PerToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, x):
        return self.head(x.flatten(2).transpose(1, 2))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TwoHeads(), "several candidate heads"),
        (Squashed(), "no dense head was found"),
        (ConvHead(relu=True, pool_first=False), "no dense head was found"),
        (PerToken(), "one row of logits"),
        (nn.Flatten(), "no dense head was found"),
    ],
)
def test_networks_without_one_head_are_refused_with_a_way_out(model, message):
    with pytest.raises(ModelError, match=message) as info:
        image_backbone(model)
    assert "layer" in info.value.fix


@pytest.mark.parametrize("model", [Auxiliary(), ConvHead(relu=False), ConvHead(relu=False, pool_first=False)])
def test_networks_with_one_head_that_holds(model):
    found = image_backbone(model)
    assert found.identity_error < 1e-5
    features, logits = found.features_and_logits(torch.rand(4, 3, 16, 16))
    torch.testing.assert_close(features @ found.weight.T + found.bias, logits)


def test_a_kernel_over_the_whole_map_is_a_dense_head():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.Conv2d(4, 5, 4), nn.Flatten())
    found = image_backbone(model)
    assert found.weight.shape == (5, 64)


def test_a_named_feature_layer_needs_no_head():
    found = image_backbone(TwoHeads(), feature_layer="conv")
    assert found.weight is None
    assert found.n_features == 8
    features, logits = found.features_and_logits(torch.rand(2, 3, 16, 16))
    assert features.shape == (2, 8)
    assert logits is None


def test_feature_layer_and_head_together_must_hold():
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 6), nn.ReLU(), nn.Linear(6, 3))
    found = image_backbone(model, feature_layer="2", head_layer="3")
    assert found.weight.shape == (3, 6)
    with pytest.raises(ModelError, match="does not make the logits"):
        image_backbone(model, feature_layer="1", head_layer="3")


def test_wrong_layer_names():
    with pytest.raises(ModelError, match="no layer 'nope'"):
        image_backbone(SmallNet(), head_layer="nope")
    with pytest.raises(ModelError, match="not the network's head"):
        image_backbone(Auxiliary(), head_layer="aux")
    with pytest.raises(ModelError, match="no layer 'nope'"):
        image_backbone(SmallNet(), feature_layer="nope")


@pytest.mark.parametrize("output", [True, False])
def test_an_encoder_has_no_head(output):
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 5))
    found = image_backbone(model, encoder=True) if output else image_backbone(model, feature_layer="output")
    assert (found.weight, found.bias, found.identity_error, found.n_features) == (None, None, None, 5)


def test_keys_follow_weights_layers_and_preprocessing(net):
    first = image_backbone(net).key
    assert image_backbone(net).key == first
    assert image_backbone(net, feature_layer="conv").key != first
    assert Backbone.from_module(net, lambda x: PREPROCESS(x) * 2, kind="image").key != first
    with torch.no_grad():
        net.conv.weight[0, 0, 0, 0] += 1
    assert image_backbone(net).key != first


def test_a_network_on_no_device_or_several(net):
    with pytest.raises(ModelError, match="meta device"):
        image_backbone(SmallNet().to("meta"))
    with pytest.raises(SettingError, match="cannot be used"):
        image_backbone(net, device="cuda:99")


def test_candidates_report_the_identity(net):
    (only,) = candidates(net, torch.rand(2, 3, 16, 16))
    assert only.holds
    assert only.n_features == 8


def test_specs(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def model():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), lambda images: torch.rand(len(images), 3, 2, 2)\n"
        "def wrong():\n    return 3\n"
        "def broken():\n    return 1 / 0\n"
    )
    found = load_backbone(f"{tmp_path}/mine.py:model")
    assert found.kind == "image"
    assert found.source.endswith("mine.py:model")
    with pytest.raises(ModelError, match="returned int"):
        load_backbone(f"{tmp_path}/mine.py:wrong")
    with pytest.raises(InputError, match="ZeroDivisionError"):
        load_backbone(f"{tmp_path}/mine.py:broken")
    with pytest.raises(SettingError, match="no function 'nope'"):
        load_backbone(f"{tmp_path}/mine.py:nope")
    with pytest.raises(SettingError, match="does not exist"):
        load_backbone(f"{tmp_path}/other.py:model")
    with pytest.raises(SettingError, match="could not be imported"):
        load_backbone("no.such.module:model")
    with pytest.raises(SettingError, match="names nothing"):
        load_backbone("resnet18")
    assert load_backbone(found) is found
    assert load_backbone(found, encoder=True).weight is None


def test_predictions():
    logits = torch.tensor([[-1.0, 2.0], [3.0, 1.0]])
    assert predict(logits).tolist() == [1, 0]
    assert predict(logits, many=True).tolist() == [[0, 1], [1, 1]]
    assert predict(logits[:, :1]).tolist() == [0, 1]


class Causal(nn.Module):
    """A head on every token, of which the last that is not padding makes the logits."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.embed, self.score, self.which = nn.Embedding(50, 6), nn.Linear(6, 3), which

    def forward(self, input_ids, attention_mask):
        logits = self.score(self.embed(input_ids).cumsum(1))
        last = attention_mask.sum(1) - 1
        if self.which == "masked mean":
            return (logits * attention_mask[..., None]).sum(1) / (last + 1)[:, None]
        return logits[:, 0] if self.which == "first" else logits[torch.arange(len(last)), last]


@pytest.mark.parametrize("which", ["masked mean", "first", "last"])
def test_a_head_on_every_token(which):
    def tokens(texts):
        lengths = torch.tensor([len(t) % 5 + 1 for t in texts])
        mask = (torch.arange(5) < lengths[:, None]).long()
        return {"input_ids": torch.arange(5 * len(texts)).view(-1, 5) % 50, "attention_mask": mask}

    found = Backbone.from_module(Causal(which), tokens, kind="text")
    assert found.tokens == which
    batch = tokens(["a", "bcd", "efghi"])
    features, logits = found.features_and_logits(batch)
    torch.testing.assert_close(features @ found.weight.T + found.bias, logits)
    torch.testing.assert_close(found.features(batch), features)
