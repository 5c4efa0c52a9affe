"""One ImageNet photograph a class: ``clearhead run --data examples/imagenet.py:samples``."""

from __future__ import annotations

import json

from clearhead.features import Examples
from clearhead.features.images import open_image
from packs import data_root


def imagenet_names() -> list[str]:
    """The 1000 classes in the network's order; two names that occur twice get their WordNet number."""
    classes = json.loads((data_root() / "imagenet_samples" / "classes.json").read_text())
    names = [entry["name"] for entry in classes]
    return [f"{n} ({entry['wnid']})" if names.count(n) > 1 else n for n, entry in zip(names, classes, strict=True)]


def samples() -> Examples:
    """800 photographs of 800 classes, labelled 0…999."""
    files = sorted((data_root() / "imagenet_samples").glob("*.jpg"))
    return Examples(
        lambda i: open_image(files[i]),
        len(files),
        kind="image",
        labels=[int(file.name[:4]) for file in files],
        class_names=imagenet_names(),
        uris=[file.name for file in files],
        key="imagenet samples: " + ",".join(f"{file.name}:{file.stat().st_size}" for file in files),
    )
