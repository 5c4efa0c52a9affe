"""Sharing one extraction among processes: each claims a shard at a time, and a claim dies with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from clearhead.core.artifacts import read_json, write_json
from clearhead.core.errors import LockedError

__all__ = ["claim", "joined_job", "release"]


@contextlib.contextmanager
def joined_job(folder: Path, job: str) -> Iterator[None]:
    """Take part in a job on a folder, alone or with others of the same job; `LockedError` while another job runs there.

    A folder left by another job is cleared first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a+") as file:
        # One at a time: who joins sees the job of the one before, never a folder that is about to get one.
        with open(folder / ".gate", "a+") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            if _try(file.fileno(), fcntl.LOCK_EX) and _job_of(folder) != job:
                _clear(folder)
                write_json(folder / "job.json", {"job": job})
            if _job_of(folder) != job or not _try(file.fileno(), fcntl.LOCK_SH):
                raise LockedError(f"another process is writing {folder}", fix="wait for it, or use another --out")
        yield


def claim(folder: Path, number: int) -> int | None:
    """A file handle that holds shard ``number``, or None if another process holds it."""
    handle = os.open(folder / f".claim-{number:05d}", os.O_RDWR | os.O_CREAT, 0o644)
    if _try(handle, fcntl.LOCK_EX):
        return handle
    os.close(handle)
    return None


def release(handle: int) -> None:
    """Give up a claim."""
    os.close(handle)


def _try(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _job_of(folder: Path) -> str | None:
    path = folder / "job.json"
    return read_json(path).get("job") if path.is_file() else None


def _clear(folder: Path) -> None:
    # The manifest first: without it no reader takes the rest for a table.
    (folder / "manifest.json").unlink(missing_ok=True)
    for path in (*folder.glob("shard-*.safetensors"), *folder.glob(".claim-*"), *folder.glob("*.part")):
        path.unlink(missing_ok=True)
