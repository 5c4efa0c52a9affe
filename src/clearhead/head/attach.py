"""A head back in its network: the new layer in place of the old, and its export."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clearhead.core.artifacts import atomic_path
from clearhead.core.errors import MissingExtraError, ModelError
from clearhead.head.sparse_head import SparseHead

__all__ = ["attach", "export_onnx"]


def attach(network: nn.Module, head: SparseHead, *, head_layer: str) -> nn.Module:
    """A copy of ``network`` whose layer ``head_layer`` (a module path such as "fc") is the given head.

    The head becomes one plain `torch.nn.Linear` on raw features (a 1×1 `torch.nn.Conv2d` where the old layer was one),
    so ``state_dict``, ``torch.export`` and ONNX work as before. `ModelError` if there is no such layer or it reads
    features of another width.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
    >>> from clearhead.core.scaling import Standardizer
    >>> new = attach(net, SparseHead(torch.ones(2, 3), torch.zeros(3), Standardizer.identity(2)), head_layer="1")
    >>> new(torch.ones(1, 2))
    tensor([[2., 2., 2.]], grad_fn=<AddmmBackward0>)
    """
    layers = dict(network.named_modules())
    old = layers.get(head_layer)
    if not isinstance(old, nn.Linear | nn.Conv2d):
        found = [name for name, layer in layers.items() if isinstance(layer, nn.Linear)][-5:]
        raise ModelError("the head layer was not found", got=head_layer, expected=f"a linear layer such as {found}")
    width = old.in_features if isinstance(old, nn.Linear) else old.in_channels
    if width != head.n_features:
        raise ModelError("the head reads features of another width", got=head.n_features, expected=width)
    plain = head.as_linear().to(old.weight.device, old.weight.dtype)
    new = copy.deepcopy(network)
    parent, _, name = head_layer.rpartition(".")
    setattr(new.get_submodule(parent), name, plain if isinstance(old, nn.Linear) else _as_convolution(plain))
    return new


def _as_convolution(linear: nn.Linear) -> nn.Conv2d:
    """The same function of every place of a map."""
    made = nn.Conv2d(linear.in_features, linear.out_features, 1).to(linear.weight)
    made.load_state_dict({"weight": linear.weight[:, :, None, None], "bias": linear.bias})
    return made


def export_onnx(network: nn.Module, example: Any, path: Path) -> None:
    """Write the network as ONNX, atomically; needs the package ``onnx``.

    ``example`` is one input batch (a tuple for a network of several inputs); the first input is called "input", the
    answer "logits", and both take any number of rows.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    arguments = example if isinstance(example, tuple) else (example,)
    with atomic_path(Path(path)) as temporary:
        torch.onnx.export(
            network.eval(),
            arguments,
            str(temporary),
            dynamo=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "rows"}, "logits": {0: "rows"}},
        )
