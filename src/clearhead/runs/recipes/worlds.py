"""The paper's data sets and networks (sections C.1, C.2), and how each lies on disk."""

from __future__ import annotations

from typing import Any

from clearhead.runs.recipes.experiment import World

__all__ = ["WORLDS"]

_IMAGENET = "ImageNet-1k: train/WNID/*.JPEG and val/, in class folders or flat with ILSVRC2012_devkit_t12/"
_PLACES = "Places365: train/CLASS and val/CLASS, or data_256/LETTER/CLASS with val_256/ and its two text files"
_SST = "Stanford Sentiment Treebank (datasetSentences.txt … or trees/), or GLUE's train.tsv and dev.tsv"
_JIGSAW = "Kaggle's train.csv, test.csv and test_labels.csv of the toxic comments"
_ROBUST = "trained against an L2 adversary of ε = 3 (3 steps of 2ε/3): robustness:resnet50@CHECKPOINT.pt"
# The official validation images are the paper's test set; validation is 10 % of the training images (D.1.1).
_VISION: dict[str, Any] = {"val_is_test": True, "feature_dtype": "float16"}
_TOXIC: dict[str, Any] = {"balance_test": True, "merge_rare": True}


def _imagenet(name: str, title: str, network: str, model: str | None) -> World:
    return World(name, title, ("imagenet",), _IMAGENET, network, model, settings=_VISION)


def _places(name: str, title: str, network: str) -> World:
    return World(name, title, ("places10",), _PLACES, network, settings=_VISION)


WORLDS = {
    world.name: world
    for world in (
        _imagenet("imagenet-standard", "ImageNet (std)", "ResNet-50", "torchvision:resnet50"),
        _imagenet("imagenet-wide", "ImageNet (wide, std)", "Wide ResNet-50-2", "torchvision:wide_resnet50_2"),
        _imagenet("imagenet-robust", "ImageNet (robust)", f"ResNet-50 {_ROBUST}", None),
        _places("places10-standard", "Places-10 (std)", "ResNet-50 of ten classes: robustness:resnet50@CHECKPOINT.pt"),
        _places("places10-robust", "Places-10 (robust)", f"ResNet-50 of ten classes {_ROBUST}"),
        World("sst", "SST", ("sst", "sst2"), _SST, "BERT", "hf:barissayil/bert-sentiment-analysis-sst", 5),
        World("toxic-bert", "Toxic-BERT", ("jigsaw",), _JIGSAW, "Toxic-BERT", "hf:unitary/toxic-bert", 5, _TOXIC),
        World(
            "debiased-bert",
            "Debiased-BERT",
            ("jigsaw",),
            _JIGSAW,
            "Debiased-BERT",
            "hf:unitary/unbiased-toxic-roberta",
            5,
            _TOXIC,
        ),
        World(
            "cifar10-standard",
            "CIFAR-10",
            ("cifar10",),
            "CIFAR-10's binary version",
            "ResNet-50 trained on ImageNet: its 2,048 features of CIFAR-10's images",
            "torchvision:resnet50",
        ),
    )
}
