"""The sweep over architectures: does the head-identity hold on the smallest network of every family?

Run as a script it writes the table of ``docs/architectures.md``; `test_architectures` runs a few, or all on request.
Networks are built with random weights at small size; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import torchvision_on_cpu

torchvision_on_cpu.declare()

from clearhead.core.errors import ModelError  # noqa: E402
from clearhead.features.backbone import Backbone  # noqa: E402

LARGEST = 90_000_000
SMALL = (
    "test_",
    "atto",
    "femto",
    "pico",
    "nano",
    "xxs",
    "xxt",
    "tiny",
    "mini",
    "xs",
    "micro",
    "small",
    "_s",
    "18",
    "b0",
)


def examine(hub: str, family: str, name: str, build: Callable[[], tuple[nn.Module, Any, str]]) -> dict[str, Any]:
    """Build one network, look for its head, and say what was found."""
    row: dict[str, Any] = {"hub": hub, "family": family, "name": name, "head": "", "p": None, "error": None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, batch, kind = build()
    except Exception as error:
        return {**row, "outcome": "not built", "note": f"{type(error).__name__}: {first_line(error)}"}
    size = sum(p.numel() for p in model.parameters())
    if size > LARGEST:
        return {**row, "outcome": "not built", "note": f"its smallest has {size / 1e6:.0f} M parameters"}
    row["parameters"] = size
    shake(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = Backbone.from_module(model, lambda _: batch, kind=kind, example=[None])
            found_twice(found, batch)
    except ModelError as error:
        failed = "does not take" in error.what
        return {**row, "outcome": "not run" if failed else "refused", "note": f"{error.what}: {error.got}"[:300]}
    except Exception as error:
        return {**row, "outcome": "not run", "note": f"{type(error).__name__}: {first_line(error)}"}
    tokens = "" if found.tokens == "mean" else f" ({found.tokens} token)"
    return {
        **row, "outcome": "holds", "head": found.head_layer + tokens, "p": found.n_features,
        "error": found.identity_error, "note": "",
    }  # fmt: skip


def found_twice(found: Backbone, batch: Any) -> None:
    """The features of a stopped pass are those of a whole one."""
    with torch.no_grad():
        torch.testing.assert_close(found.features(batch), found.features_and_logits(batch)[0])


def shake(model: nn.Module) -> None:
    """Random weights for what is constant: a head of zeros would prove nothing."""
    generator = torch.Generator().manual_seed(0)
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and float(parameter.float().std(correction=0)) == 0:
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter) * 0.02)


def first_line(error: Exception) -> str:
    return str(error).split("\n")[0][:160]


def timm_networks() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """(family, name, builder) of the smallest network of every timm module."""
    import timm

    for family in timm.list_modules():
        names = timm.list_models(module=family)
        if names:
            name = min(sorted(names, key=rank)[:8], key=parameters_of)
            yield family, name, lambda name=name: build_timm(name)


def rank(name: str) -> tuple[int, int, str]:
    hints = [i for i, hint in enumerate(SMALL) if hint in name]
    return (min(hints, default=99), int(next(iter(re.findall(r"\d+", name)), 999)), name)


def parameters_of(name: str) -> float:
    import timm

    try:
        with torch.device("meta"):
            return sum(p.numel() for p in timm.create_model(name, num_classes=11).parameters())
    except Exception:
        return float("inf")


def build_timm(name: str) -> tuple[nn.Module, Any, str]:
    import timm

    config = timm.get_pretrained_cfg(name)
    size = (config.min_input_size if config and config.min_input_size else None) or (
        config.input_size if config else (3, 224, 224)
    )
    model = timm.create_model(name, num_classes=11)
    return model, torch.randn(2, *size, generator=torch.Generator().manual_seed(0)), "image"


def torchvision_networks() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """The smallest network of every torchvision classifier's module."""
    from torchvision import models

    families: dict[str, list[str]] = defaultdict(list)
    for name in models.list_models(module=models):
        families[models.get_model_builder(name).__module__.rsplit(".", 1)[-1]].append(name)
    for family, names in sorted(families.items()):
        name = min(names, key=lambda name: models.get_model_weights(name).DEFAULT.meta["num_params"])
        yield family, name, lambda name=name: build_torchvision(name)


def build_torchvision(name: str) -> tuple[nn.Module, Any, str]:
    from torchvision import models

    with torch.device("meta"):
        size = sum(p.numel() for p in models.get_model(name, weights=None, num_classes=11).parameters())
    if size > LARGEST:
        raise MemoryError(f"{size / 1e6:.0f} M parameters")
    side = 299 if "inception" in name else 224
    extra = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    model = models.get_model(name, weights=None, num_classes=11, **extra)
    return model, torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0)), "image"


TINY = {
    "hidden_size": 32, "d_model": 32, "dim": 32, "n_embd": 32, "embedding_size": 32, "emb_dim": 32, "n_heads": 4,
    "num_hidden_layers": 2, "n_layers": 2, "n_layer": 2, "num_layers": 2, "encoder_layers": 2, "decoder_layers": 2,
    "num_attention_heads": 4, "n_head": 4, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "d_inner": 64,
    "hidden_dim": 64, "vocab_size": 120, "head_dim": 8, "d_kv": 8, "d_ff": 64, "num_heads": 4, "d_head": 8,
    "n_experts": 2, "num_experts": 2, "num_local_experts": 2, "num_experts_per_tok": 1, "num_decoder_layers": 2,
    "ffn_dim": 64, "kv_channels": 8, "max_position_embeddings": 64,
}  # fmt: skip
TOKEN_IDS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 2}


def hf_networks(kind: str) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Every architecture of transformers that classifies images (or texts), from a small configuration."""
    from transformers.models.auto import modeling_auto as auto

    mapping = (
        auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        if kind == "image"
        else auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    )
    for family in sorted(mapping._config_mapping):
        if family in mapping._model_mapping:
            yield family, str(mapping._model_mapping[family]), lambda family=family: build_hf(mapping, family, kind)


def build_hf(mapping: Any, family: str, kind: str) -> tuple[nn.Module, Any, str]:
    import transformers

    config_class = transformers.models.auto.configuration_auto.CONFIG_MAPPING[family]
    model_class = mapping[config_class]
    model_class = model_class[0] if isinstance(model_class, tuple) else model_class
    failures = []
    for tiny in ({**TINY, **TOKEN_IDS}, {"vocab_size": 120, **TOKEN_IDS}, {}):
        defaults = config_class()
        chosen = {key: value for key, value in tiny.items() if hasattr(defaults, key)}
        if kind == "image":
            chosen = {key: value for key, value in chosen.items() if key in ("num_hidden_layers",)}
        try:
            config = config_class(**chosen, num_labels=11)
            with torch.device("meta"):
                size = sum(p.numel() for p in model_class(config).parameters())
            if size > LARGEST:
                raise MemoryError(f"{size / 1e6:.0f} M parameters")
            model = model_class(config).eval()
            batch = hf_batch(config, kind)
            with torch.no_grad():
                model(**batch)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {first_line(error)}")
        else:
            return model, batch, kind
    raise RuntimeError(failures[-1])


def hf_batch(config: Any, kind: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    if kind == "text":
        ids = torch.randint(5, 100, (3, 12), generator=generator)
        mask = torch.ones_like(ids)
        for row, length in enumerate((12, 7, 9)):
            ids[row, length:] = 1
            mask[row, length:] = 0
        if getattr(config, "model_type", "") in (
            "bart",
            "mbart",
            "plbart",
            "led",
            "mvp",
            "t5",
            "mt5",
            "umt5",
            "bigbird_pegasus",
        ):
            ids[torch.arange(3), torch.tensor([11, 6, 8])] = 3
        return {"input_ids": ids, "attention_mask": mask}
    size = getattr(config, "image_size", 224) or 224
    size = size if isinstance(size, int) else size[0]
    return {"pixel_values": torch.randn(2, getattr(config, "num_channels", 3), size, size, generator=generator)}


HUBS: dict[str, Callable[[], Iterator[tuple[str, str, Callable[[], Any]]]]] = {
    "timm": timm_networks,
    "torchvision": torchvision_networks,
    "hf-image": lambda: hf_networks("image"),
    "hf-text": lambda: hf_networks("text"),
}


def markdown(rows: list[dict[str, Any]]) -> str:
    """The sweep's rows as the table of docs/architectures.md."""
    lines = []
    for hub in HUBS:
        mine = sorted((row for row in rows if row["hub"] == hub), key=lambda row: row["family"])
        ran = [row for row in mine if row["outcome"] in ("holds", "refused")]
        held = sum(row["outcome"] == "holds" for row in mine)
        lines += [f"\n## {hub}: {held} of {len(ran)} that ran\n"]
        lines += [
            "| family | network | head (its input is the feature) | p | identity error |",
            "|---|---|---|---|---|",
        ]
        for row in mine:
            if row["outcome"] == "holds":
                lines.append(f"| {row['family']} | {row['name']} | `{row['head']}` | {row['p']} | {row['error']:.1e} |")
        left = [row for row in mine if row["outcome"] != "holds"]
        lines += ["\n| not in the table | outcome | why |", "|---|---|---|"] if left else []
        for row in left:
            why = row["note"].replace("|", "/").replace("RuntimeError: MemoryError: ", "its smallest try has ")
            lines.append(f"| {row['family']} ({row['name']}) | {row['outcome']} | {why[:200]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; families already there are skipped")
    parser.add_argument("--hub", choices=list(HUBS), action="append")
    parser.add_argument("--table", action="store_true", help="only print the table of what --out holds")
    arguments = parser.parse_args()
    if arguments.table:
        print(markdown([json.loads(line) for line in arguments.out.read_text().splitlines()]))
        return
    torch.set_num_threads(1)
    done = set()
    if arguments.out.exists():
        done = {(row["hub"], row["name"]) for row in map(json.loads, arguments.out.read_text().splitlines())}
    for hub in arguments.hub or HUBS:
        for family, name, build in HUBS[hub]():
            if (hub, name) in done:
                continue
            started = time.perf_counter()
            row = examine(hub, family, name, build)
            row["seconds"] = round(time.perf_counter() - started, 1)
            with open(arguments.out, "a") as file:
                file.write(json.dumps(row) + "\n")
            print(hub, family, name, row["outcome"], row["head"], row["note"][:100], flush=True)
            gc.collect()


if __name__ == "__main__":
    main()
