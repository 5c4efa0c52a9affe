"""Folders of images: class folders, optional split folders above them, files opened one by one and never trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from clearhead.core.artifacts import content_key
from clearhead.core.errors import DataError, UntrustedError
from clearhead.features.examples import Examples

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "SPLIT_NAMES", "image_folder", "open_image", "walk"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_PIXELS = 100_000_000
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def open_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """One RGB image; `DataError` naming the file if it is unreadable, `UntrustedError` if it claims too many pixels."""
    try:
        with Image.open(path) as image:
            check_size(image, path, max_pixels)
            return image.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error)) from error
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is not a readable image",
            got=error,
            fix="repair or remove it, or skip unreadable images (skip_unreadable=True, --skip-unreadable)",
        ) from error


def check_size(image: Image.Image, origin: object, max_pixels: int = MAX_PIXELS) -> None:
    """`UntrustedError` if an image that is not decoded yet claims more pixels than any honest one has."""
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(origin, f"{width} × {height} pixels")


def _too_large(origin: object, got: str) -> UntrustedError:
    return UntrustedError(
        f"{origin} claims more pixels than an honest image has; it was not decoded",
        got=got,
        expected=f"at most {MAX_PIXELS:,} pixels",
        fix="remove it, or shrink it with a tool that you trust",
    )


def walk(folder: Path) -> Iterator[Path]:
    """Files below a folder in sorted order; links are followed, a link back to a folder above it is refused."""
    yield from _walk(folder, (folder.resolve(),))


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be listed", got=error) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_symlink() and not _leads_somewhere(path):
            raise DataError(f"{path} is a link that leads nowhere", fix="remove the link")
        if entry.is_dir():
            real = path.resolve()
            if real in above:
                raise DataError(f"{path} is a link to a folder above it", got=real, fix="remove the link")
            yield from _walk(path, (*above, real))
        elif entry.is_file():
            yield path
        else:  # a pipe never ends, and a device may not
            raise DataError(f"{path} is neither a file nor a folder", fix="remove it")


def _leads_somewhere(link: Path) -> bool:
    try:
        link.stat()
    except OSError:  # absent, or a circle of links
        return False
    return True


def image_folder(folder: Path, class_names: list[str] | None = None) -> Examples:
    """A folder of class folders of images, or of split folders (train, val, test) of class folders.

    Classes are the folders' names in sorted order unless ``class_names`` gives them. The key is made of names, sizes
    and modification times: a million files are not read twice.
    """
    tops = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    splits = {name: SPLIT_NAMES[name.lower()] for name in tops} if tops and _all_splits(tops) else {}
    files, classes, split = [], [], []
    for top in splits or [""]:
        for path in walk(folder / top):
            parts = path.relative_to(folder / top).parts
            if path.suffix.lower() in IMAGE_SUFFIXES and len(parts) > 1:
                files.append(path)
                classes.append(parts[0])
                split.append(splits.get(top, ""))
    if not files:
        raise DataError(
            f"{folder} holds no images in class folders",
            got=", ".join(tops[:10]) or "no folders",
            expected="FOLDER/CLASS/IMAGE.jpg, or FOLDER/train/CLASS/IMAGE.jpg",
        )
    names = class_names or sorted(set(classes))
    unknown = set(classes) - set(names)
    if unknown:
        raise DataError(
            "there are class folders that are not among the class names", got=", ".join(sorted(unknown)[:5])
        )
    number = {name: c for c, name in enumerate(names)}
    stats = [path.stat() for path in files]
    uris = [path.relative_to(folder).as_posix() for path in files]
    return Examples(
        lambda i: open_image(files[i]),
        len(files),
        kind="image",
        labels=[number[name] for name in classes],
        class_names=names,
        uris=uris,
        columns={"split": split} if splits else {},
        key=content_key(
            "image folder", names, [(u, s.st_size, s.st_mtime_ns) for u, s in zip(uris, stats, strict=True)]
        ),
    )


def _all_splits(names: list[str]) -> bool:
    return all(name.lower() in SPLIT_NAMES for name in names) and any(
        name.lower() in ("train", "training") for name in names
    )
