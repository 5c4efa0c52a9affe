"""A backbone: a network, its preprocessing, where its deep feature lies, and its dense head if it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from clearhead.core.artifacts import content_key
from clearhead.core.errors import InputError, ModelError, SettingError
from clearhead.features import heads
from clearhead.features.spec import call_function, hub_name

__all__ = ["Backbone", "load_backbone", "predict"]

OUTPUT = "output"


class Backbone:
    """A network seen as f(x) followed by W·f + b.

    Attributes
    ----------
    model : the network, in evaluation mode.
    preprocess : a list of images (or strings) → what the model takes.
    kind : "image" or "text".
    n_features : p, the length of the deep feature.
    weight, bias : the dense head, (k, p) and (k,) or None; both None for an encoder.
    feature_layer : path of the module whose output is the feature; None if it is the input of ``head_layer``.
    head_layer : path of the dense head, None for an encoder.
    identity_error : max |W·f + b − logits| / max |logits| on the example; None for an encoder.
    class_names : names of the network's own classes ([] if unknown).
    key : content key of weights, layers and preprocessing.
    source : the spec it was loaded from.
    tokens : which token's vector the feature is where the head sees several: "mean",
        "masked mean", "first" or "last".
    """

    def __init__(
        self,
        model: nn.Module,
        preprocess: Callable[[Sequence[Any]], Any],
        *,
        kind: str,
        layers: tuple[str | None, str | None],
        identity_error: float | None,
        n_features: int,
        class_names: Sequence[str] = (),
        key: str = "",
        source: str = "",
        tokens: str = "mean",
    ) -> None:
        self.model, self.preprocess, self.kind = model, preprocess, kind
        self.feature_layer, self.head_layer = layers
        self.identity_error, self.n_features = identity_error, n_features
        self.class_names, self.key, self.source, self.tokens = list(class_names), key, source, tokens
        head = None if self.head_layer is None else model.get_submodule(self.head_layer)
        matrix: tuple[Tensor | None, Tensor | None] = (None, None) if head is None else heads.matrix_of(head)
        self.weight, self.bias = matrix

    @classmethod
    def from_module(
        cls,
        model: nn.Module,
        preprocess: Callable[[Sequence[Any]], Any],
        *,
        kind: str | None = None,
        encoder: bool = False,
        class_names: Sequence[str] = (),
        example: Sequence[Any] | None = None,
        feature_layer: str | None = None,
        head_layer: str | None = None,
        device: str | torch.device | None = None,
        source: str = "",
    ) -> Backbone:
        """Find and prove the head of a network, on ``example`` (a few inputs; made up if not given).

        ``encoder=True`` (or ``feature_layer="output"``): the network's output is the feature, there is no head.
        Raises `ModelError` if no linear layer's W·f + b equals the logits.
        """
        model = _placed(model, device)
        kind = kind or ("text" if example and isinstance(example[0], str) else _guess_kind(preprocess))
        batch = _moved(preprocess(list(example) if example is not None else _made_up(kind)), device_of(model))
        _try_out(model, batch)
        if encoder:
            feature_layer = OUTPUT
        head = _head(model, batch, feature_layer, head_layer)
        made = cls(
            model,
            preprocess,
            kind=kind,
            layers=(feature_layer, None if head is None else head.layer),
            identity_error=None if head is None else head.error,
            n_features=0,
            class_names=class_names,
            source=source,
            tokens="mean" if head is None else head.tokens,
        )
        with torch.no_grad():
            made.n_features = made.features(batch).shape[1]
        # What the preprocessing does is known by what it makes; only a long text shows where it cuts.
        shown = [batch, preprocess(["word " * 2000]) if kind == "text" else None]
        made.key = content_key(source, repr(type(model)), str(model), model.state_dict(), made.layers, shown)
        return made

    @property
    def layers(self) -> tuple[str | None, str | None]:
        """(feature layer, head layer)."""
        return self.feature_layer, self.head_layer

    @property
    def device(self) -> torch.device:
        """Where the network's weights are."""
        return device_of(self.model)

    @property
    def n_classes(self) -> int | None:
        """k, or None for an encoder."""
        return None if self.weight is None else int(self.weight.shape[0])

    def features(self, inputs: Any) -> Tensor:
        """(n, p) deep features of preprocessed inputs; the forward pass stops where the feature is known.

        Gradients flow to the inputs unless the caller forbids them.
        """
        return self._run(inputs, stop=True)[0]

    def features_and_logits(self, inputs: Any) -> tuple[Tensor, Tensor | None]:
        """(n, p) deep features and the network's own (n, k) logits, None for an encoder."""
        features, output = self._run(inputs, stop=False)
        return features, None if self.head_layer is None else output

    def _run(self, inputs: Any, *, stop: bool) -> tuple[Tensor, Tensor | None]:
        inputs = _moved(inputs, self.device)
        if self.feature_layer == OUTPUT:
            return heads.pooled(heads.main_output(heads.forward(self.model, inputs))), None
        place = (self.feature_layer, self.head_layer)
        return heads.run_to(self.model, inputs, *place, stop=stop, tokens=self.tokens)

    def __repr__(self) -> str:
        head = "no head" if self.weight is None else f"head {self.head_layer!r} {tuple(self.weight.shape)}"
        return f"Backbone({self.source or type(self.model).__name__}, {self.kind}, {self.n_features} features, {head})"


def load_backbone(
    spec: Any,
    *,
    feature_layer: str | None = None,
    head_layer: str | None = None,
    encoder: bool = False,
    kind: str | None = None,
    example: Sequence[Any] | None = None,
    device: str | torch.device | None = None,
) -> Backbone:
    """A backbone from a spec; ``example`` is a few inputs of the user's own on which the head is proved, ``kind`` what
    a function's network reads ("image" or "text") where that is known.

    - ``path.py:function`` or ``package.module:function`` returning a `Backbone`, ``(module, preprocess)`` or
      ``(module, preprocess, class_names)``;
    - ``timm:NAME``, ``torchvision:NAME``, ``hf:NAME_OR_DIRECTORY``, ``robustness:ARCHITECTURE``; the first two and the
      last take local weights after an @: ``torchvision:resnet50@weights.safetensors``.
    """
    layers: dict[str, Any] = {"feature_layer": feature_layer, "head_layer": head_layer, "encoder": encoder}
    layers["example"] = example
    text = str(spec)
    if isinstance(spec, Backbone):
        returned: Any = spec
    elif hub := hub_name(text, ("timm", "torchvision", "hf", "robustness")):
        from clearhead.features.hubs import load_from_hub

        returned = load_from_hub(*hub)
    else:
        returned, layers["source"] = call_function(text)
    if isinstance(returned, Backbone):
        return _relocated(returned, layers, device)
    parts = returned if isinstance(returned, tuple) else (returned,)
    if not 2 <= len(parts) <= 3 or not isinstance(parts[0], nn.Module) or not callable(parts[1]):
        raise ModelError(
            f"{text} returned {type(returned).__name__}",
            expected="a Backbone, (module, preprocess) or (module, preprocess, class_names)",
        )
    found = Backbone.from_module(
        parts[0], parts[1], kind=kind, class_names=parts[2] if len(parts) == 3 else (), device=device, **layers
    )
    found.source = text
    return found


def predict(logits: Tensor, *, many: bool = False) -> Tensor:
    """The network's own decision from logits (n, k): int64 (n,), or {0, 1} (n, k) where many labels hold at once.

    One logit decides between two classes by its sign.
    """
    if many:
        return (logits > 0).long()
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


def device_of(model: nn.Module) -> torch.device:
    """The device of a network's weights (the CPU for one without any)."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _relocated(backbone: Backbone, layers: dict[str, Any], device: str | torch.device | None) -> Backbone:
    if layers["feature_layer"] or layers["head_layer"] or layers["encoder"]:
        return Backbone.from_module(
            backbone.model,
            backbone.preprocess,
            kind=backbone.kind,
            class_names=backbone.class_names,
            device=device,
            source=backbone.source,
            feature_layer=layers["feature_layer"],
            head_layer=layers["head_layer"],
            encoder=layers["encoder"],
            example=layers["example"],
        )
    if device is not None:
        _placed(backbone.model, device)
    return backbone


def _head(model: nn.Module, batch: Any, feature_layer: str | None, head_layer: str | None) -> heads.Candidate | None:
    if feature_layer is None:
        return heads.find_head(model, batch, head_layer)
    if feature_layer != OUTPUT:
        heads.layer(model, feature_layer, "--feature-layer")
    if head_layer is None:
        return None
    return heads.joined(model, batch, feature_layer, head_layer)


def _try_out(model: nn.Module, batch: Any) -> None:
    try:
        with torch.no_grad():
            heads.forward(model, batch)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ModelError(
            "the network does not take what the preprocessing makes",
            got=f"{type(error).__name__}: {str(error)[:300]}",
            fix="let the preprocessing bring every example to the network's size, or pass example=[one of yours]",
        ) from error


def _placed(model: nn.Module, device: str | torch.device | None) -> nn.Module:
    places = {p.device for p in (*model.parameters(), *model.buffers())}
    if any(place.type == "meta" for place in places):
        raise ModelError("the network has no weights (it lies on the meta device)", fix="load its weights first")
    try:
        model = model if device is None else model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise SettingError(f"the device {str(device)!r} cannot be used", got=error, fix="--device cpu") from error
    if device is None and len(places) > 1:
        raise ModelError(
            "the network lies on several devices", got=", ".join(map(str, sorted(places, key=str))), fix="pass device=…"
        )
    return model.eval().requires_grad_(False)


def _moved(inputs: Any, device: torch.device) -> Any:
    if isinstance(inputs, Tensor):
        return inputs if inputs.device == device else inputs.to(device, non_blocking=True)
    if isinstance(inputs, Mapping):
        return {name: _moved(value, device) for name, value in inputs.items()}
    return type(inputs)(_moved(v, device) for v in inputs) if isinstance(inputs, tuple | list) else inputs


def _made_up(kind: str) -> list[Any]:
    if kind == "text":
        return ["The house is small, and the garden is large.", "No."]
    noise = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    return [Image.fromarray(pixels) for pixels in noise]


def _guess_kind(preprocess: Callable[[Sequence[Any]], Any]) -> str:
    failures = {}
    for kind in ("image", "text"):
        try:
            preprocess(_made_up(kind))
        except Exception as error:
            failures[kind] = f"{kind}: {type(error).__name__}: {error}"
        else:
            return kind
    raise InputError(
        "the preprocessing takes neither a list of images nor a list of strings",
        got="; ".join(failures.values()),
        fix="return (module, preprocess) where preprocess takes a list of PIL images, or a list of strings",
    )
