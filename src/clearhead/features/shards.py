"""One shard of a feature table: a safetensors file whose matrix is read through a memory map of its own."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core.errors import ArtifactError

__all__ = ["DTYPES", "Header", "dtype_name", "map_matrix", "read_header", "read_small"]

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
_STORED = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "I64": torch.int64}
# numpy has no bfloat16: such a matrix is mapped as 16-bit integers and viewed by torch.
_MAPPED = {torch.float16: "<f2", torch.bfloat16: "<i2", torch.float32: "<f4", torch.float64: "<f8", torch.int64: "<i8"}
_LONGEST_HEADER = 100_000_000


def dtype_name(dtype: torch.dtype) -> str:
    """``"float16"`` for ``torch.float16``."""
    return str(dtype).removeprefix("torch.")


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself: ``tensors[name]`` is (dtype, shape, byte offset in the file)."""

    tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...], int]]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Read and check a safetensors header against the file's size; `ArtifactError` if the file is not whole."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if length > min(size, _LONGEST_HEADER):
                raise ValueError("the header is longer than the file")
            raw: dict[str, Any] = json.loads(file.read(length))
        metadata = raw.pop("__metadata__", {})
        tensors = {}
        for name, entry in raw.items():
            start, end = entry["data_offsets"]
            dtype, shape = _STORED[entry["dtype"]], tuple(int(s) for s in entry["shape"])
            if end - start != dtype.itemsize * int(np.prod(shape)) or 8 + length + end > size:
                raise ValueError(f"the data of {name!r} does not fit the file")
            tensors[name] = (dtype, shape, 8 + length + start)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", fix="run the extraction again: it resumes") from error
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path} is truncated or not a safetensors shard",
            got=error,
            fix="delete it and run the extraction again: the other shards are kept",
        ) from error
    return Header(tensors, metadata)


def map_matrix(path: Path, name: str = "features") -> Tensor:
    """The (rows, p) matrix ``name`` of a shard as a tensor over a private memory map: nothing is read yet."""
    dtype, shape, offset = _entry(path, name)
    if not np.prod(shape):
        return torch.empty(shape, dtype=dtype)
    # Mode "c" (private copy on write) makes the tensor writable for torch without ever changing the file.
    mapped = np.memmap(path, dtype=_MAPPED[dtype], mode="c", offset=offset, shape=shape)
    tensor = torch.from_numpy(mapped)
    return tensor.view(dtype) if dtype is torch.bfloat16 else tensor


def read_small(path: Path, name: str) -> Tensor:
    """One of a shard's small tensors, copied into memory."""
    return map_matrix(path, name).clone()


def _entry(path: Path, name: str) -> tuple[torch.dtype, tuple[int, ...], int]:
    header = read_header(path)
    if name not in header.tensors:
        raise ArtifactError(f"{path} has no tensor {name!r}", got=", ".join(header.tensors) or "none", expected=name)
    return header.tensors[name]
