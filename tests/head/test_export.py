"""A head back in its network, written out and read again: each form computes what the network computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from clearhead.core.rows import as_rows
from clearhead.core.scaling import Standardizer
from clearhead.head import SparseHead, attach, export_onnx

P, K = 12, 4


class Network(nn.Module):
    """A small convolutional network with a linear head, or a 1×1 convolution for one."""

    def __init__(self, convolutional: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, P, 3, padding=1), nn.BatchNorm2d(P), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.convolutional = convolutional
        self.fc: nn.Module = nn.Conv2d(P, K, 1) if convolutional else nn.Linear(P, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.body(x)
        return self.fc(features).flatten(1) if self.convolutional else self.fc(features.flatten(1))


@pytest.fixture(params=[False, True], ids=["linear", "convolution"])
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    return Network(request.param).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def head(network: Network, images: torch.Tensor) -> SparseHead:
    weight = torch.randn(P, K, generator=torch.Generator().manual_seed(2))
    weight[::2] = 0
    with torch.no_grad():
        features = network.body(images).flatten(1)
    return SparseHead(weight, torch.randn(K), Standardizer.fit(as_rows(features)))


@pytest.fixture
def wanted(network: Network, head: SparseHead, images: torch.Tensor) -> torch.Tensor:
    """What the head says of the network's features: the truth for every form."""
    with torch.no_grad():
        return head(network.body(images).flatten(1))


def test_the_module_and_its_weights(network, head, images, wanted, tmp_path: Path) -> None:
    new = attach(network, head, head_layer="fc")
    with torch.no_grad():
        torch.testing.assert_close(new(images), wanted, atol=1e-5, rtol=1e-5)
        assert not torch.allclose(network(images), wanted, atol=0.1), "the network itself keeps its head"
        save_file(new.state_dict(), tmp_path / "new.safetensors")
        other = attach(network, head.with_weight(head.weight * 0), head_layer="fc")
        other.load_state_dict(load_file(tmp_path / "new.safetensors"))
        torch.testing.assert_close(other(images), wanted, atol=1e-5, rtol=1e-5)


def test_torch_export(network, head, images, wanted, tmp_path: Path) -> None:
    new = attach(network, head, head_layer="fc")
    torch.export.save(torch.export.export(new, (images,)), tmp_path / "new.pt2")
    loaded = torch.export.load(tmp_path / "new.pt2").module()
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's exporter about itself
def test_onnx(network, head, images, wanted, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    export_onnx(attach(network, head, head_layer="fc"), images, tmp_path / "new.onnx")
    session = runtime.InferenceSession(str(tmp_path / "new.onnx"), providers=["CPUExecutionProvider"])
    for rows in (len(images), 2):
        answer = session.run(["logits"], {"input": images[:rows].numpy()})[0]
        np.testing.assert_allclose(answer, wanted[:rows].numpy(), atol=1e-5, rtol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == ["new.onnx"]


def test_onnx_missing_is_said(network, images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from clearhead.core.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match="onnx"):
        export_onnx(network, images, tmp_path / "new.onnx")
    assert not list(tmp_path.iterdir())
