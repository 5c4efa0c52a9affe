"""Compile once, keep the machine code on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code, without the interpreter lock."""
    njit: Any = numba.njit
    options = {"nogil": True, "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        result: Callable[..., Any] = njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package folder nor the home cache can be written
        result = njit(**options)(function)
    return result
