"""Finding a network's dense head, and proving it: the layer whose W·f + b *is* the logits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from clearhead.core.errors import ModelError

__all__ = ["Candidate", "candidates", "find_head", "forward", "layer", "main_output", "matrix_of", "pooled", "recorded"]

# Relative to the largest logit; half-precision networks round more.
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
Linear = nn.Linear | nn.Conv2d


@dataclass(frozen=True)
class Candidate:
    """A linear layer with one output a class: its path, its input f, and how far W·f + b is from the logits.

    ``error`` is max |W·f + b − logits| / max |logits|; infinite if the shapes do not fit, and ``note`` says why.
    ``tokens`` says which token's vector is f where the layer sees several: "mean", "masked mean", "first" or "last".
    """

    layer: str
    n_features: int
    error: float
    tolerance: float
    note: str = ""
    tokens: str = "mean"

    @property
    def holds(self) -> bool:
        """Whether this layer makes the logits."""
        return self.error <= self.tolerance


def forward(model: nn.Module, inputs: Any) -> Any:
    """The model called with a mapping's items as keywords, a tuple's as arguments, else with the one argument."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple | list) else model(inputs)


def main_output(output: Any) -> Tensor:
    """The logits (or the encoding) among what a network returned."""
    if isinstance(output, Tensor):
        return output
    for name in ("logits", "sentence_embedding", "image_embeds", "text_embeds", "pooler_output", "last_hidden_state"):
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    raise ModelError(
        "the network does not return logits",
        got=type(output).__name__,
        expected="a tensor (n, classes), or an output with .logits",
        fix="wrap it in a module that returns its logits",
    )


def layer(model: nn.Module, path: str, flag: str) -> nn.Module:
    """The submodule at a dotted path; `ModelError` naming near ones if there is none."""
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if path not in modules or not path:
        last = [name for name, m in modules.items() if isinstance(m, Linear)][-5:]
        raise ModelError(
            f"the network has no layer {path!r}",
            got=f"its last linear layers are {', '.join(last)}",
            fix=f"correct {flag}",
        )
    return modules[path]


@contextlib.contextmanager
def recorded(modules: Mapping[str, nn.Module], *, outputs: bool = False) -> Iterator[dict[str, Tensor]]:
    """While open, keeps the last input (or output) of each module; the hooks are gone when it closes."""
    seen: dict[str, Tensor] = {}

    def keep_input(name: str) -> Any:
        return lambda _m, args, kwargs: _remember(seen, name, args[0] if args else next(iter(kwargs.values()), None))

    def keep_output(name: str) -> Any:
        return lambda _m, _args, output: _remember(seen, name, main_output(output))

    handles = [
        m.register_forward_hook(keep_output(name))
        if outputs
        else m.register_forward_pre_hook(keep_input(name), with_kwargs=True)
        for name, m in modules.items()
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _remember(seen: dict[str, Tensor], name: str, value: Any) -> None:
    if isinstance(value, Tensor):
        seen[name] = value


TOKENS = ("mean", "masked mean", "first", "last")


def pooled(value: Tensor, kernel: tuple[int, ...] = (), *, tokens: str = "mean", inputs: Any = None) -> Tensor:
    """(n, p) from a layer's value.

    A map (n, p, h, w) becomes its mean, which a linear layer commutes with (or is flattened, where one ``kernel``
    covers it whole); tokens (n, t, p) become their mean, that of those that ``inputs`` does not mask, the first, or the
    last that is not masked.
    """
    if value.ndim == 4:
        return value.flatten(1) if tuple(value.shape[2:]) == kernel else value.mean((2, 3))
    if value.ndim != 3 or tokens == "mean":
        return value.mean(1) if value.ndim == 3 else value
    if tokens == "first":
        return value[:, 0]
    mask = _mask(value, inputs)
    if tokens == "masked mean":
        weight = mask.unsqueeze(-1).to(value.dtype)
        return (value * weight).sum(1) / weight.sum(1).clamp(min=1)
    last = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).argmax(1)
    return value[torch.arange(len(value), device=mask.device), last]


def _mask(value: Tensor, inputs: Any) -> Tensor:
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if mask is None or mask.shape != value.shape[:2]:
        return torch.ones(value.shape[:2], dtype=torch.int64, device=value.device)
    masked: Tensor = mask.to(value.device)
    return masked


def matrix_of(module: nn.Module) -> tuple[Tensor, Tensor | None]:
    """(weight (k, p), bias (k,) or None) of a linear layer or a convolution that acts as one."""
    assert isinstance(module, Linear)
    bias = None if module.bias is None else module.bias.detach()
    return module.weight.detach().flatten(1), bias


def candidates(model: nn.Module, inputs: Any, head_layer: str | None = None) -> list[Candidate]:
    """Every Linear and Conv2d with as many outputs as there are logits, with its identity error, in call order."""
    with torch.no_grad():
        logits = main_output(forward(model, inputs))
        if logits.ndim != 2:
            raise ModelError(
                "the network does not give one row of logits an example",
                got=f"an output of shape {tuple(logits.shape)}",
                expected="(n, classes)",
                fix="a per-token or per-pixel head has no single feature vector; use an encoder (feature_layer=…)",
            )
        named = {name: m for name, m in model.named_modules() if _fits(m, logits.shape[1])}
        if head_layer is not None:
            named = {head_layer: layer(model, head_layer, "--head-layer")}
        with recorded(named) as seen:
            logits = main_output(forward(model, inputs))
        return [_judge(name, named[name], value, logits, inputs) for name, value in seen.items()]


def _fits(module: nn.Module, k: int) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.out_channels == k and module.groups == 1
    return isinstance(module, nn.Linear) and module.out_features == k


def _judge(name: str, module: nn.Module, value: Tensor, logits: Tensor, inputs: Any) -> Candidate:
    tolerance = TOLERANCE.get(logits.dtype, 1e-4)
    if not isinstance(module, Linear):
        return Candidate(name, 0, float("inf"), tolerance, f"is a {type(module).__name__}, not a linear layer")
    ways = TOKENS if value.ndim == 3 else TOKENS[:1]
    tried = [_fit(name, module, value, logits, inputs, tokens, tolerance) for tokens in ways]
    return min(tried, key=lambda c: c.error)


def _fit(
    name: str, module: Linear, value: Tensor, logits: Tensor, inputs: Any, tokens: str, tolerance: float
) -> Candidate:
    kernel = tuple(module.kernel_size) if isinstance(module, nn.Conv2d) else ()
    f, (weight, bias) = pooled(value, kernel, tokens=tokens, inputs=inputs), matrix_of(module)
    if f.ndim != 2 or f.shape[1] != weight.shape[1] or len(f) != len(logits):
        note = f"takes an input of shape {tuple(value.shape)}"
    elif weight.shape[0] != logits.shape[1]:
        note = f"has {weight.shape[0]} outputs, not {logits.shape[1]}"
    else:
        made = nn.functional.linear(f.double(), weight.double(), None if bias is None else bias.double())
        error = float((made - logits.double()).abs().max() / logits.abs().max().double().clamp(min=1e-12))
        note = "" if error <= tolerance else "W·f + b is not the logits"
        return Candidate(name, f.shape[1], error, tolerance, note, tokens)
    return Candidate(name, weight.shape[1], float("inf"), tolerance, note)


def find_head(model: nn.Module, inputs: Any, head_layer: str | None = None) -> Candidate:
    """The one layer with W·f + b = logits; `ModelError` with every candidate and what to pass if there is none."""
    found = candidates(model, inputs, head_layer)
    holding = [c for c in found if c.holds]
    if holding:
        return holding[-1]
    listed = "; ".join(f"{c.layer}: error {c.error:.2g}, {c.note}" for c in found)
    if head_layer is not None:
        raise ModelError(f"{head_layer!r} is not the network's head", got=listed or "it was never called", fix=_WAYS)
    if len(found) > 1:
        raise ModelError(
            "the network has several candidate heads and none of them alone makes the logits", got=listed, fix=_WAYS
        )
    raise ModelError(
        "no dense head was found: no linear layer's W·f + b equals the logits",
        got=listed or "no Linear or Conv2d has as many outputs as there are classes",
        fix=_WAYS,
    )


_WAYS = (
    "name the layer whose output is the deep feature with --feature-layer (the head is then fitted from scratch; "
    "'output' is the network's own output), or wrap the network so that one linear head makes its logits (--head-layer)"
)


class _Reached(Exception):  # noqa: N818 - not an error: it ends a forward pass where the feature is known
    pass


def run_to(
    model: nn.Module,
    inputs: Any,
    feature_layer: str | None,
    head_layer: str | None,
    *,
    stop: bool,
    tokens: str = "mean",
) -> tuple[Tensor, Tensor | None]:
    """((n, p) feature, (n, k) output or None): the feature layer's output, or without one the head's input.

    With ``stop`` the forward pass ends there and no output is made.
    """
    place = feature_layer if feature_layer is not None else head_layer
    assert place is not None
    module = model.get_submodule(place)
    kernel = tuple(module.kernel_size) if isinstance(module, nn.Conv2d) and feature_layer is None else ()
    halt = _halting(module, outputs=feature_layer is not None) if stop else contextlib.nullcontext()
    output = None
    with recorded({place: module}, outputs=feature_layer is not None) as seen, halt, contextlib.suppress(_Reached):
        output = main_output(forward(model, inputs))
    if place not in seen:
        raise ModelError(f"the layer {place!r} was not called in the forward pass", fix="name another layer")
    return pooled(seen[place], kernel, tokens=tokens, inputs=inputs), output


@contextlib.contextmanager
def _halting(module: nn.Module, *, outputs: bool) -> Iterator[None]:
    def halt(*_: Any) -> None:
        raise _Reached

    handle = module.register_forward_hook(halt) if outputs else module.register_forward_pre_hook(halt)
    try:
        yield
    finally:
        handle.remove()


def joined(model: nn.Module, inputs: Any, feature_layer: str, head_layer: str) -> Candidate:
    """The candidate that a named feature layer and a named head make together; `ModelError` if W·f + b ≠ logits."""
    with torch.no_grad():
        features, logits = run_to(model, inputs, feature_layer, None, stop=False)
        assert logits is not None
        found = _judge(head_layer, layer(model, head_layer, "--head-layer"), features, logits, inputs)
    if not found.holds:
        raise ModelError(
            f"{head_layer!r} does not make the logits from the output of {feature_layer!r}",
            got=f"error {found.error:.2g}: {found.note}",
            fix="leave out --head-layer: the head is then fitted from scratch",
        )
    return found
