"""Networks of the hubs, saved and loaded locally: no test here uses the internet."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from clearhead.core.errors import ArtifactError, ModelError, UntrustedError
from clearhead.features.backbone import load_backbone
from clearhead.features.weights import read_weights, without_prefix

transformers = pytest.importorskip("transformers")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "the", "house", "is", "small", "no", "."]
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}


def save(model: nn.Module, folder, processor=None) -> str:
    torch.manual_seed(0)
    model.save_pretrained(folder)
    processor = processor or transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)})
    processor.save_pretrained(folder)
    return f"hf:{folder}"


def logits_of(spec: str, texts: list[str], **kwargs) -> tuple:
    found = load_backbone(spec, **kwargs)
    features, logits = found.features_and_logits(found.preprocess(texts))
    return found, features, logits


class TestText:
    @pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert", "GPT2"])
    def test_classifiers(self, tmp_path, family):
        config = getattr(transformers, f"{family}Config")(
            vocab_size=len(WORDS), num_labels=3, max_position_embeddings=40, **TINY, **IDS
        )
        model = getattr(transformers, f"{family}ForSequenceClassification")(config).eval()
        found, features, logits = logits_of(save(model, tmp_path), ["the film is good .", "bad"])
        torch.testing.assert_close(features @ found.weight.T + (0 if found.bias is None else found.bias), logits)
        assert found.kind == "text"
        assert found.n_classes == 3
        assert found.class_names == []

    def test_class_names_and_long_texts(self, tmp_path):
        config = transformers.RobertaConfig(
            vocab_size=len(WORDS), max_position_embeddings=34, id2label={0: "clean", 1: "toxic"}, **TINY, **IDS
        )
        spec = save(transformers.RobertaForSequenceClassification(config), tmp_path)
        found, _, logits = logits_of(spec, ["bad " * 500, "good"])
        assert found.class_names == ["clean", "toxic"]
        assert logits.shape == (2, 2)

    def test_a_base_model_is_an_encoder(self, tmp_path):
        model = transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **TINY)).eval()
        found, features, _ = logits_of(save(model, tmp_path), ["good film", "bad"])
        assert found.weight is None
        tokens = found.preprocess(["good film", "bad"])
        with torch.no_grad():
            states = model(**tokens).last_hidden_state
        torch.testing.assert_close(features[1], states[1, :3].mean(0))

    def test_a_classifier_without_its_head_is_refused(self, tmp_path):
        save(transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **TINY)), tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        config["architectures"] = ["BertForSequenceClassification"]
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match="random ones would be used") as info:
            load_backbone(f"hf:{tmp_path}")
        assert "classifier.weight" in str(info.value.got)

    @pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
    def test_the_sentiment_model_of_the_paper(self, tmp_path, file):
        """Laid out as barissayil/bert-sentiment-analysis-sst: one logit on the first token, a class of its own."""
        config = transformers.BertConfig(vocab_size=len(WORDS), **TINY)
        bert, head = transformers.BertModel(config).eval(), nn.Linear(16, 1)
        save(bert, tmp_path)
        state = {f"bert.{n}": t for n, t in bert.state_dict().items()}
        state |= {f"cls_layer.{n}": t.detach() for n, t in head.state_dict().items()}
        (tmp_path / "model.safetensors").unlink()
        if file.endswith("bin"):
            torch.save(state, tmp_path / file)
        else:
            from safetensors.torch import save_file

            save_file(state, tmp_path / file)
        described = json.loads((tmp_path / "config.json").read_text())
        described["architectures"] = ["BertForSentimentClassification"]
        (tmp_path / "config.json").write_text(json.dumps(described))
        found, features, logits = logits_of(f"hf:{tmp_path}", ["good film", "bad"])
        with torch.no_grad():
            first = bert(**found.preprocess(["good film", "bad"])).last_hidden_state[:, 0]
        torch.testing.assert_close(features, first)
        torch.testing.assert_close(logits, head(first))
        assert found.head_layer == "cls_layer"

    def test_absent(self, tmp_path):
        with pytest.raises(ModelError, match="could not load"):
            load_backbone(f"hf:{tmp_path}")


class TestImages:
    @pytest.mark.parametrize("family", ["ResNet", "ViT"])
    def test_classifiers(self, tmp_path, family, pictures):
        extra = (
            {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
            if family == "ResNet"
            else {**TINY, "image_size": 32}
        )
        config = getattr(transformers, f"{family}Config")(num_labels=3, **extra)
        processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
        spec = save(getattr(transformers, f"{family}ForImageClassification")(config), tmp_path, processor)
        found = load_backbone(spec)
        features, logits = found.features_and_logits(found.preprocess([pictures[0], pictures[1]]))
        torch.testing.assert_close(features @ found.weight.T + found.bias, logits)
        assert found.kind == "image"

    def test_an_image_tower_is_an_encoder(self, tmp_path, pictures):
        config = transformers.CLIPVisionConfig(image_size=32, patch_size=8, projection_dim=8, **TINY)
        processor = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
        found = load_backbone(save(transformers.CLIPVisionModel(config), tmp_path, processor))
        assert found.weight is None
        assert found.features(found.preprocess([pictures[0]])).shape == (1, 16)


class TestLocalWeights:
    def test_timm(self, tmp_path, pictures):
        timm = pytest.importorskip("timm")
        from safetensors.torch import save_file

        model = timm.create_model("test_resnet", pretrained=False)
        save_file(model.state_dict(), tmp_path / "w.safetensors")
        found = load_backbone(f"timm:test_resnet@{tmp_path}/w.safetensors")
        assert found.head_layer == "fc"
        assert found.features(found.preprocess([pictures[0]])).shape == (1, found.n_features)
        with pytest.raises(ModelError, match="does not fit"):
            load_backbone(f"timm:test_vit@{tmp_path}/w.safetensors")
        with pytest.raises(ModelError, match="could not load 'no_such_net'"):
            load_backbone("timm:no_such_net@x")

    def test_torchvision_and_own_preprocessing(self, tmp_path, pictures):
        models = pytest.importorskip("torchvision.models")
        from clearhead.features.vision import ImagePreprocess

        torch.save({"state_dict": models.get_model("mobilenet_v3_small", weights=None).state_dict()}, tmp_path / "w.pt")
        found = load_backbone(f"torchvision:mobilenet_v3_small@{tmp_path}/w.pt")
        assert found.head_layer == "classifier.3"
        for picture in (pictures[0], pictures[1].resize((301, 257)), pictures[2].resize((200, 640))):
            assert torch.equal(found.preprocess([picture]), ImagePreprocess()([picture]))

    @pytest.mark.parametrize("prefix", ["module.model.", "model.", "module."])
    def test_robustness_checkpoints(self, tmp_path, prefix):
        models = pytest.importorskip("torchvision.models")
        torch.manual_seed(0)
        model = models.resnet18(num_classes=5).eval()
        state = {prefix + name: tensor for name, tensor in model.state_dict().items()}
        if prefix != "module.":
            root = prefix.removesuffix("model.")
            state |= {f"{root}attacker.model.{name}": tensor for name, tensor in model.state_dict().items()}
            state |= {f"{root}normalizer.new_mean": torch.full((3, 1, 1), 0.4)}
            state |= {f"{root}normalizer.new_std": torch.full((3, 1, 1), 0.3)}
        torch.save({"model": state, "epoch": 90, "optimizer": {"lr": 0.1}}, tmp_path / "r.pt")
        found = load_backbone(f"robustness:resnet18@{tmp_path}/r.pt")
        pixels = torch.rand(2, 3, 64, 64)
        mean, std = (0.4, 0.3) if prefix != "module." else _imagenet()
        torch.testing.assert_close(found.features_and_logits(pixels)[1], model((pixels - mean) / std))
        assert found.head_layer == "network.fc"

    def test_robustness_needs_a_checkpoint_that_fits(self, tmp_path):
        with pytest.raises(ModelError, match="needs its checkpoint"):
            load_backbone("robustness:resnet18")
        torch.save({"model": {"module.model.fc.weight": torch.zeros(2, 3)}}, tmp_path / "r.pt")
        with pytest.raises(ModelError, match="is not a resnet18"):
            load_backbone(f"robustness:resnet18@{tmp_path}/r.pt")


def _imagenet():
    from clearhead.features.vision import IMAGENET_MEAN, IMAGENET_STD

    return (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


class TestWeightFiles:
    def test_a_pickle_that_would_execute_code(self, tmp_path):
        torch.save({"state_dict": {"w": torch.zeros(1)}, "extra": Payload(tmp_path / "owned")}, tmp_path / "evil.pt")
        with pytest.raises(UntrustedError, match="would execute code"):
            read_weights(tmp_path / "evil.pt")
        with pytest.raises(UntrustedError, match="would execute code"):
            load_backbone(f"robustness:resnet18@{tmp_path}/evil.pt")
        assert not (tmp_path / "owned").exists()

    def test_broken_files(self, tmp_path):
        torch.save({"w": torch.zeros(1000)}, tmp_path / "cut.pt")
        (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:500])
        (tmp_path / "empty.pt").write_bytes(b"")
        torch.save([1, 2], tmp_path / "list.pt")
        (tmp_path / "cut.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{}")
        for name in ("cut.pt", "empty.pt", "list.pt", "cut.safetensors", "absent.pt", "absent.safetensors"):
            with pytest.raises((ArtifactError, UntrustedError)):
                read_weights(tmp_path / name)

    def test_prefixes(self):
        state = {"module.model.a": torch.zeros(1), "module.other.b": torch.ones(1)}
        assert list(without_prefix(state, "module.model.")) == ["a"]
        assert list(without_prefix(state, "x.")) == list(state)
