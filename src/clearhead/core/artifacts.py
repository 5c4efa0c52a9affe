"""Files that are valid or absent: written beside, synced, then renamed; keyed by what made them; never executable."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from clearhead.core.errors import ArtifactError, LockedError, StorageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "atomic_path",
    "content_key",
    "file_hash",
    "lock",
    "read_json",
    "read_tensors",
    "write_json",
    "write_tensors",
    "write_text",
]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes ``path`` if the block succeeds and vanishes if it does not."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
    except OSError as error:
        raise _storage_error(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _storage_error(path: Path, error: OSError) -> StorageError:
    if isinstance(error, StorageError):
        return error
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StorageError(
        f"could not write {path}",
        got="the disk is full" if full else str(error),
        fix="free some space and run the same command again: it resumes" if full else "check that it can be written",
    )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, atomically; tensors and numpy values become lists and numbers, non-finite floats become null."""
    write_text(path, json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; `ArtifactError` if the file is absent or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", fix="run the step that makes it first") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtifactError(f"{path} is not valid JSON", got=error, fix="delete it and run the step again") from error


def plain(value: Any) -> Any:
    """A JSON-ready copy of nested data."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray) or _is_tensor(value):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _is_tensor(value: Any) -> TypeGuard[Tensor]:
    """Without importing torch, which takes seconds: where nobody has, there is no tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically. Names that share memory are stored apart."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        ready = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        try:
            save_file(ready, temporary, metadata=dict(metadata or {}))
        except Exception as error:  # safetensors wraps a full disk in its own error type
            raise _storage_error(
                path, OSError(errno.ENOSPC if "space" in str(error) else errno.EIO, str(error))
            ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors; `ArtifactError` if the file is absent or truncated."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", fix="run the step that makes it first") from error
    except SafetensorError as error:
        raise ArtifactError(
            f"{path} is truncated or not safetensors",
            got=error,
            fix="delete it and run the step that makes it again",
        ) from error


def content_key(*parts: Any) -> str:
    """A 16-digit hexadecimal key of nested data, tensors and arrays: equal content, equal key."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()[:16]


def _feed(digest: Any, part: Any) -> None:
    if _is_tensor(part):
        import torch

        part = part.detach().cpu().contiguous()
        part = (part.view(torch.uint8) if part.dtype is torch.bfloat16 and part.ndim else part).numpy()
    if isinstance(part, np.ndarray) and part.dtype != object:
        digest.update(f"array:{part.dtype}:{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Mapping):
        for name in sorted(part, key=str):
            digest.update(f"key:{name}".encode())
            _feed(digest, part[name])
    elif isinstance(part, list | tuple):
        digest.update(f"list:{len(part)}".encode())
        for item in part:
            _feed(digest, item)
    else:
        digest.update(f"{type(part).__name__}:{part}".encode())


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def lock(folder: Path, *, shared: bool = False, wait: float = 0.0) -> Iterator[None]:
    """One writer a folder, or with ``shared`` several that know how to share their work; `LockedError` for another.

    The lock dies with the process that holds it, so a crash never leaves one behind. ``wait`` seconds for a turn.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait
    with open(folder / ".lock", "a+") as file:
        while True:
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise LockedError(
                        f"another process is writing {folder}", fix="wait for it, or use another --out"
                    ) from error
                time.sleep(0.05)
        yield
