"""Compile once, keep the machine code on disk where that is possible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

__all__ = ["compiled"]

# Numba keys stored code by the file of the function alone, yet kernels are made of several files: code kept from before
# an upgrade, or from a source tree edited meanwhile, would be called with other conventions and write out of bounds.
SOURCES = sorted(Path(__file__).parent.glob("*.py"))
STAMP = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code, without the interpreter lock."""
    njit: Any = numba.njit
    function.__qualname__ = f"{function.__qualname__}_{STAMP}"  # names the file that keeps the code
    options = {"nogil": True, "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        result: Callable[..., Any] = njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package folder nor the home cache can be written
        result = njit(**options)(function)
    return result
