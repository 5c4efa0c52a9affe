"""Image data sets as their originals lie on disk: ImageNet-1k with its devkit, Places365's ten classes, CIFAR."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from clearhead.core.artifacts import content_key, file_hash
from clearhead.core.errors import DataError, UntrustedError
from clearhead.features.examples import Examples
from clearhead.features.images import IMAGE_SUFFIXES, open_image, walk
from clearhead.features.tables_in import read_columns

__all__ = ["PLACES10", "load_cifar", "load_imagenet", "load_places10"]

# The paper's ten classes (section C.1), as Places365 spells them.
PLACES10 = (
    "airport_terminal", "boat_deck", "bridge", "butchers_shop", "church/outdoor", "hotel_room", "laundromat", "river",
    "ski_slope", "volcano",
)  # fmt: skip


def load_imagenet(folder: Path) -> Examples:
    """ImageNet-1k: ``train/WNID/*.JPEG``, and ``val/`` in class folders, or flat as it is distributed.

    The labels of a flat ``val`` are read from the devkit (``ILSVRC2012_devkit_t12/data``), from Kaggle's
    ``LOC_val_solution.csv``, or from Tiny-ImageNet's ``val_annotations.txt``. Classes are the WordNet numbers in order,
    which is every network's order; their words are taken from ``LOC_synset_mapping.txt``, ``words.txt`` or the
    devkit's ``meta.mat`` where present.
    """
    inner = folder / "ILSVRC" / "Data" / "CLS-LOC"
    images = inner if inner.is_dir() else folder
    found = [(path, wnid, "train") for path, wnid in _classes_in(images / "train")]
    val = images / "val"
    if val.is_dir():
        flat = _flat_val(folder, val)
        found += [(path, wnid, "val") for path, wnid in (flat if flat else _classes_in(val))]
    words = _words(folder)
    # Where the words are those of exactly the thousand classes, classes without an image keep their place.
    wnids = sorted(words) if len(words) == 1000 else sorted({wnid for _, wnid, _ in found})
    names = [words.get(wnid, wnid) for wnid in wnids]
    repeated = {name for name in names if names.count(name) > 1}
    names = [f"{name} ({wnid})" if name in repeated else name for name, wnid in zip(names, wnids, strict=True)]
    return _files(folder, found, wnids, names)


def load_places10(folder: Path) -> Examples:
    """The paper's ten classes of Places365, from ``train/CLASS`` or ``data_256/LETTER/CLASS`` and ``val`` likewise, or
    a flat ``val_256`` with ``places365_val.txt`` and ``categories_places365.txt``."""
    found = []
    for split, tops in (("train", ("train", "data_256", "data_large")), ("val", ("val",))):
        for top in tops:
            found += [(path, name, split) for name in PLACES10 for path in _place(folder / top, name)]
    if not any(split == "val" for *_, split in found):
        found += _places_val(folder)
    if not found:
        raise DataError(f"{folder} holds none of the ten classes", expected="train/airport_terminal/*.jpg and so on")
    return _files(folder, found, list(PLACES10), [name.replace("_", " ") for name in PLACES10])


def load_cifar(folder: Path, classes: int) -> Examples:
    """CIFAR-10 or CIFAR-100 in its binary version (the python version is a pickle, which is never loaded)."""
    place = next((p for p in (folder, *folder.glob("cifar-*-bin*")) if next(p.glob("*.bin"), None)), None)
    if place is None:
        raise UntrustedError(
            f"{folder} holds no binary version of CIFAR-{classes}",
            got="the python version is a pickle, which could execute code; it was not opened",
            fix=f"get cifar-{classes}-binary.tar.gz from the same page",
        )
    extra = 1 if classes == 10 else 2
    files = [(p, "test" if p.name.startswith("test") else "train") for p in sorted(place.glob("*.bin"))]
    parts = [(np.fromfile(p, np.uint8), p, split) for p, split in files]
    for raw, path, _ in parts:
        if len(raw) % (3072 + extra) or not len(raw):
            raise DataError(f"{path} is truncated", got=f"{len(raw)} bytes", expected=f"a multiple of {3072 + extra}")
    table = np.concatenate([raw.reshape(-1, 3072 + extra) for raw, *_ in parts])
    pixels = table[:, extra:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    names = next((p for p in (place / "batches.meta.txt", place / "fine_label_names.txt") if p.is_file()), None)
    return Examples(
        lambda i: Image.fromarray(np.ascontiguousarray(pixels[i])),
        len(table),
        kind="image",
        labels=table[:, extra - 1].astype(np.int64),
        class_names=names.read_text().split() if names else None,
        uris=[f"{p.name}:{i}" for raw, p, _ in parts for i in range(len(raw) // (3072 + extra))],
        columns={"split": np.repeat([s for *_, s in parts], [len(raw) // (3072 + extra) for raw, *_ in parts])},
        key=content_key([file_hash(p) for p, _ in files]),
    )


def _files(folder: Path, found: list[tuple[Path, str, str]], codes: list[str], names: list[str]) -> Examples:
    if not found:
        raise DataError(f"{folder} holds no images", expected="train/CLASS/*.JPEG")
    number = {code: c for c, code in enumerate(codes)}
    paths = [path for path, *_ in found]
    uris = [path.relative_to(folder).as_posix() for path in paths]
    return Examples(
        lambda i: open_image(paths[i]),
        len(paths),
        kind="image",
        labels=[number[code] for _, code, _ in found],
        class_names=names,
        uris=uris,
        columns={"split": np.array([split for *_, split in found])},
        key=content_key(names, [(u, p.stat().st_size, p.stat().st_mtime_ns) for u, p in zip(uris, paths, strict=True)]),
    )


def _images(folder: Path) -> Iterable[Path]:
    return (path for path in walk(folder) if path.suffix.lower() in IMAGE_SUFFIXES)


def _classes_in(folder: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        return []
    return [(path, path.relative_to(folder).parts[0]) for path in _images(folder) if path.parent != folder]


def _flat_val(folder: Path, val: Path) -> list[tuple[Path, str]]:
    annotations = val / "val_annotations.txt"
    if annotations.is_file():
        rows = [line.split("\t") for line in annotations.read_text().splitlines() if line]
        return [(val / "images" / file, wnid) for file, wnid, *_ in rows]
    images = sorted(path for path in val.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        return []
    solution = folder / "LOC_val_solution.csv"
    if solution.is_file():
        columns = read_columns(solution)
        wnid = {n: p.split()[0] for n, p in zip(columns["ImageId"], columns["PredictionString"], strict=True)}
        return [(path, wnid[path.stem]) for path in images]
    truth = folder / "ILSVRC2012_devkit_t12" / "data" / "ILSVRC2012_validation_ground_truth.txt"
    if not truth.is_file():
        raise DataError(
            f"{val} holds images without class folders, and nothing says their classes",
            expected="ILSVRC2012_devkit_t12/ or LOC_val_solution.csv beside it",
        )
    numbers, wnids = [int(line) for line in truth.read_text().split()], _synsets(folder)
    # ILSVRC2012_val_00000001.JPEG is the first line.
    return [(path, wnids[numbers[int(path.stem.rsplit("_", 1)[-1]) - 1]][0]) for path in images]


def _synsets(folder: Path) -> dict[int, tuple[str, str]]:
    """The devkit's own number → (WordNet number, words)."""
    from scipy.io import loadmat

    meta = folder / "ILSVRC2012_devkit_t12" / "data" / "meta.mat"
    if not meta.is_file():
        raise DataError(f"{meta} does not exist", fix="unpack ILSVRC2012_devkit_t12.tar.gz there")
    rows = loadmat(meta, squeeze_me=True)["synsets"]
    return {int(row["ILSVRC2012_ID"]): (str(row["WNID"]), str(row["words"])) for row in rows}


def _words(folder: Path) -> dict[str, str]:
    mapping = folder / "LOC_synset_mapping.txt"
    if mapping.is_file():
        lines = mapping.read_text(encoding="utf-8").splitlines()
        return {wnid: words for wnid, _, words in (line.partition(" ") for line in lines if line)}
    if (folder / "words.txt").is_file():
        lines = (folder / "words.txt").read_text(encoding="utf-8").splitlines()
        return {wnid: words for wnid, _, words in (line.partition("\t") for line in lines if line)}
    if (folder / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").is_file():
        # Numbers above 1000 are inner nodes of the hierarchy.
        return {wnid: words for number, (wnid, words) in _synsets(folder).items() if number <= 1000}
    return {}


def _place(top: Path, name: str) -> Iterable[Path]:
    spellings = (name, name.replace("/", "-"), name.replace("/", "_"))
    for place in (
        top / spelling for base in ("", name[0]) for spelling in (f"{base}/{s}".strip("/") for s in spellings)
    ):
        if place.is_dir():
            return _images(place)
    return ()


def _places_val(folder: Path) -> list[tuple[Path, str, str]]:
    listed, categories = folder / "places365_val.txt", folder / "categories_places365.txt"
    images = next((folder / name for name in ("val_256", "val_large", "val") if (folder / name).is_dir()), None)
    if images is None or not listed.is_file() or not categories.is_file():
        return []
    pairs = [line.rsplit(" ", 1) for line in categories.read_text().splitlines() if line]
    # "/c/church/outdoor 91" → "church/outdoor".
    names = {int(number): path.split("/", 2)[2] for path, number in pairs}
    lines = [line.split() for line in listed.read_text().splitlines() if line]
    return [(images / file, names[int(c)], "val") for file, c in lines if names.get(int(c)) in PLACES10]
