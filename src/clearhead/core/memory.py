"""How much memory there is, how much this process uses, and sizes as people write them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from pathlib import Path

from clearhead.core.errors import SettingError

__all__ = ["anonymous_memory", "available_memory", "give_back", "parse_bytes", "show_bytes"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_bytes(text: str | int) -> int:
    """Bytes from ``8GiB``, ``500 MB``, ``2g`` or a plain number; `SettingError` for anything else.

    >>> parse_bytes("8GiB"), parse_bytes("500 MB"), parse_bytes(7)
    (8589934592, 500000000, 7)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", str(text).lower())
    unit = {**_UNITS, **_BINARY}.get(found[2]) if found else None
    if found is None or unit is None or float(found[1]) <= 0:
        raise SettingError("this is not an amount of memory", got=repr(text), expected="for instance 8GiB or 500MB")
    return int(float(found[1]) * unit)


def show_bytes(count: float) -> str:
    """A size for people.

    >>> show_bytes(3 * 2**30), show_bytes(900)
    ('3.0 GiB', '900 B')
    """
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def available_memory() -> int:
    """Bytes that can be used without swapping: the kernel's estimate, or what the control group leaves, if less.

    Divided by the number of processes that solve together on this machine (``LOCAL_WORLD_SIZE`` of torchrun).
    """
    return min(_free(), _group_left()) // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def anonymous_memory() -> int:
    """Bytes of this process's own memory: mapped files, which the kernel can drop, are not counted."""
    return _field(Path("/proc/self/status"), "RssAnon")


def _free() -> int:
    found = _field(Path("/proc/meminfo"), "MemAvailable")
    return found or int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def _group_left() -> int:
    root = Path("/sys/fs/cgroup")
    try:
        limit, used = ((root / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return int(limit) - int(used) if limit != "max" else 2**62
    except (OSError, ValueError):
        return 2**62


def _field(path: Path, name: str) -> int:
    """Bytes behind ``name:`` in a file of the kernel's; 0 where there is none."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", path.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def give_back() -> None:
    """Return to the system what freed arrays of some megabytes have left in the heap, where the C library can: such
    holes grow to several of the arrays that do not fit into them."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library, another system
        ctypes.CDLL(None).malloc_trim(0)
