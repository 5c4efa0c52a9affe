"""Data sets by the way their originals lie on disk: ImageNet-1k, Places-10, SST, GLUE's SST-2, Jigsaw, CIFAR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clearhead.core.errors import DataError
from clearhead.features.examples import Examples
from clearhead.features.layout_images import load_cifar, load_imagenet, load_places10
from clearhead.features.layout_texts import load_glue_sst2, load_jigsaw, load_sst

__all__ = ["LAYOUTS", "Layout", "load_layout", "recognise"]


@dataclass(frozen=True)
class Layout:
    """A data set's layout: files that tell it (any of ``marks``, relative to the folder), and its loader."""

    name: str
    title: str
    marks: tuple[str, ...]
    load: Callable[[Path], Examples]

    def at(self, folder: Path) -> bool:
        """Whether the folder is laid out so."""
        return any(next(folder.glob(mark), None) is not None for mark in self.marks)


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "imagenet",
            "ImageNet-1k",
            ("train/n[0-9]*", "ILSVRC2012_devkit_t12", "ILSVRC/Data/CLS-LOC/train", "LOC_synset_mapping.txt"),
            load_imagenet,
        ),
        Layout("places10", "Places-10 (ten classes of Places365)", ("categories_places365.txt",), load_places10),
        Layout("sst", "Stanford Sentiment Treebank", ("datasetSentences.txt", "trees/train.txt"), load_sst),
        Layout("sst2", "SST-2 as in GLUE", (), load_glue_sst2),
        Layout("jigsaw", "Jigsaw toxic comments", ("test_labels.csv",), load_jigsaw),
        Layout("cifar10", "CIFAR-10", ("data_batch_1*", "cifar-10-batches-*"), lambda path: load_cifar(path, 10)),
        Layout("cifar100", "CIFAR-100", ("cifar-100-*", "fine_label_names.txt"), lambda path: load_cifar(path, 100)),
    )
}


def recognise(folder: Path) -> Layout | None:
    """The layout that a folder has, or None: then it is a folder of class folders, or nothing."""
    if _is_glue_sst2(folder):
        return LAYOUTS["sst2"]
    return next((layout for layout in LAYOUTS.values() if layout.at(folder)), None)


def load_layout(name: str, folder: Path) -> Examples:
    """The data set of that name from its folder, with a column ``split`` where the original has parts."""
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist", expected=f"the folder of {LAYOUTS[name].title}")
    return LAYOUTS[name].load(folder)


def _is_glue_sst2(folder: Path) -> bool:
    train = folder / "train.tsv"
    if not train.is_file() or not (folder / "dev.tsv").is_file():
        return False
    with open(train, encoding="utf-8", errors="replace") as file:
        return set(file.readline(1000).split()) == {"sentence", "label"}
