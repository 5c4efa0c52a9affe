"""Hugging Face networks, by name or from a local folder: image and text classifiers, and encoders without a head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from clearhead.core.artifacts import read_json
from clearhead.core.errors import ModelError
from clearhead.features.backbone import Backbone
from clearhead.features.spec import require
from clearhead.features.text import MeanPooled, TextPreprocess
from clearhead.features.vision import EachImage
from clearhead.features.weights import read_weights

__all__ = ["FirstTokenHead", "load_hf"]


class FirstTokenHead(nn.Module):
    """A BERT whose classifier sits on the first token's last hidden state, as in
    ``barissayil/bert-sentiment-analysis-sst`` (its class is not one of the library's)."""

    def __init__(self, bert: nn.Module, cls_layer: nn.Linear) -> None:
        super().__init__()
        self.bert, self.cls_layer = bert, cls_layer

    def forward(self, **inputs: Tensor) -> Tensor:
        logits: Tensor = self.cls_layer(self.bert(**inputs).last_hidden_state[:, 0])
        return logits


def load_hf(name: str) -> Backbone:
    """A backbone from a model's name or folder; nothing that came with it is executed (``trust_remote_code=False``)."""
    transformers = require("transformers")
    try:
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
        return _load(transformers, name, config)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"transformers could not load {name!r}",
            got=str(error)[:400],
            fix="check the name; without a network give a local folder with its config, weights and tokenizer",
        ) from error


def _load(transformers: Any, name: str, config: Any) -> Backbone:
    architecture = (config.architectures or [""])[0]
    classes = _class_names(config)
    if "BertForSentimentClassification" in architecture:
        return _text(transformers, name, config, _first_token(transformers, name, config), [])
    if architecture.endswith("ForSequenceClassification"):
        auto = transformers.AutoModelForSequenceClassification
        return _text(transformers, name, config, _whole(auto, name), classes)
    if architecture.endswith("ForImageClassification"):
        return _image(transformers, name, _whole(transformers.AutoModelForImageClassification, name), classes)
    model = _whole(transformers.AutoModel, name)
    if hasattr(config, "image_size") or hasattr(config, "vision_config"):
        return _image(transformers, name, getattr(model, "vision_model", model), [], encoder=True)
    settings = _sentence_settings(Path(name))
    return _text(transformers, name, config, MeanPooled(model, **settings), [], encoder=True)


def _whole(auto: Any, name: str) -> nn.Module:
    model, info = auto.from_pretrained(name, trust_remote_code=False, output_loading_info=True)
    missing = [key for key in info["missing_keys"] if "pooler" not in key and "position_ids" not in key]
    if missing:
        raise ModelError(
            f"{name!r} does not hold all weights of its architecture; random ones would be used",
            got=", ".join(sorted(missing)[:5]),
            fix="name a fine-tuned classifier, or load it with a function of your own",
        )
    return model  # type: ignore[no-any-return]


def _text(
    transformers: Any, name: str, config: Any, model: nn.Module, classes: list[str], *, encoder: bool = False
) -> Backbone:
    tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    preprocess = TextPreprocess(tokenizer, _longest(name, config, tokenizer))
    return Backbone.from_module(
        model, preprocess, kind="text", encoder=encoder, class_names=classes, source=f"hf:{name}"
    )


def _longest(name: str, config: Any, tokenizer: Any) -> int:
    """Tokens that the network takes: at most 512, or what a sentence encoder's folder says."""
    positions = getattr(config, "max_position_embeddings", 512)
    if "roberta" in config.model_type:
        positions -= 2  # it numbers its positions from padding_idx + 1
    described = Path(name) / "sentence_bert_config.json"
    said = read_json(described).get("max_seq_length") if described.is_file() else None
    return int(min(positions, 512, tokenizer.model_max_length, said or 512))


def _image(transformers: Any, name: str, model: nn.Module, classes: list[str], *, encoder: bool = False) -> Backbone:
    processor = transformers.AutoImageProcessor.from_pretrained(name, trust_remote_code=False)
    preprocess = EachImage(lambda image: processor(image, return_tensors="pt")["pixel_values"][0])
    return Backbone.from_module(
        model, preprocess, kind="image", encoder=encoder, class_names=classes, source=f"hf:{name}"
    )


def _class_names(config: Any) -> list[str]:
    names = [config.id2label[c] for c in sorted(config.id2label)]
    # The library's own placeholders say nothing.
    return [] if all(name == f"LABEL_{c}" for c, name in enumerate(names)) else names


def _first_token(transformers: Any, name: str, config: Any) -> nn.Module:
    from huggingface_hub import snapshot_download

    folder = Path(name) if Path(name).is_dir() else Path(snapshot_download(name))
    files = [folder / file for file in ("model.safetensors", "pytorch_model.bin") if (folder / file).is_file()]
    if not files:
        raise ModelError(f"{name!r} holds no weights", expected="model.safetensors or pytorch_model.bin")
    state = read_weights(files[0])
    head = state.get("cls_layer.weight")
    if head is None:
        raise ModelError(f"{name!r} holds no cls_layer", got=", ".join(list(state)[-3:]))
    model = FirstTokenHead(transformers.BertModel(config), nn.Linear(head.shape[1], head.shape[0]))
    missing, _ = model.load_state_dict(state, strict=False)
    absent = [key for key in missing if "position_ids" not in key]
    if absent:
        raise ModelError(f"{name!r} does not hold all weights", got=", ".join(absent[:5]))
    return model


def _sentence_settings(folder: Path) -> dict[str, bool]:
    """How a sentence-transformers folder pools and whether it normalises."""
    if not (folder / "modules.json").is_file():
        return {}
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in read_json(folder / "modules.json")]
    pooling = next(iter(folder.glob("*_Pooling/config.json")), None)
    first = bool(pooling and read_json(pooling).get("pooling_mode_cls_token"))
    return {"normalize": "Normalize" in kinds, "first_token": first}
