"""Where the real data lies, and how its JPEG packs become examples. Set CLEARHEAD_DATA, or keep ../shared/data."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from clearhead.core.artifacts import file_hash
from clearhead.features import Examples


def data_root() -> Path:
    """The folder of the data sets and models."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("CLEARHEAD_DATA", beside))
    if not root.is_dir():
        raise FileNotFoundError(f"{root} does not exist: set CLEARHEAD_DATA to the folder of the data sets")
    return root


def jpeg_pack(path: Path, class_names: list[str], **columns: str) -> Examples:
    """Images of an .npz with ``jpeg`` (all files' bytes in a row), ``offset`` and ``label``.

    ``columns`` maps a column's name to the array of the pack that holds it.
    """
    pack = dict(np.load(path))
    offset, jpeg = pack["offset"], pack["jpeg"]

    def load(i: int) -> Image.Image:
        return Image.open(io.BytesIO(jpeg[offset[i] : offset[i + 1]].tobytes())).convert("RGB")

    names = pack["name"].astype(str).tolist() if "name" in pack else [str(i) for i in range(len(offset) - 1)]
    return Examples(
        load,
        len(offset) - 1,
        kind="image",
        labels=pack["label"].astype(np.int64),
        class_names=class_names,
        uris=[f"{path.name}:{name}" for name in names],
        columns={name: pack[array] for name, array in columns.items()},
        key=f"{file_hash(path)[:16]}:{','.join(class_names)}",
    )
