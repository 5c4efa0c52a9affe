"""Compile once, keep the machine code on disk where that is possible."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

__all__ = ["compiled"]

# Numba keys stored code by the file of the function alone, yet kernels are made of several files: code kept from before
# an upgrade, or from a source tree edited meanwhile, would be called with other conventions and write out of bounds.
SOURCES = sorted(Path(__file__).parent.glob("*.py"))
STAMP = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]


class _Cache(FunctionCache):  # type: ignore[misc]
    """Stored code under a name that is the same in every process.

    Numba's own key hashes what a closure holds; of another compiled function that is a number drawn at random, so that
    each process would compile it again and store it beside the last one's.
    """

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._py_func.__qualname__


def _name(function: Callable[..., Any]) -> str:
    """Its place in these sources and the values that it closes over, those of compiled functions by their names."""
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = [value.py_func.__qualname__ if hasattr(value, "py_func") else repr(value) for value in held]
    return f"{STAMP} {function.__module__}.{function.__qualname__}({', '.join(parts)})"


def compiled(function: Callable[..., Any], exact: bool = False) -> Callable[..., Any]:
    """The function in machine code, without the interpreter lock. ``exact``: sums keep their order and each operation
    rounds, so that the same numbers give the same digits wherever the compiler puts the code; else it may choose."""
    njit: Any = numba.njit
    # Names the file that keeps the code and, in it, the symbols: code stored by different processes is linked together,
    # and functions of one name that close over different values would be taken for one another.
    function.__qualname__ = f"{function.__name__}_{hashlib.sha256(_name(function).encode()).hexdigest()[:16]}"
    result = njit(nogil=True, fastmath=set() if exact else {"contract", "reassoc", "nsz"})(function)
    with contextlib.suppress(RuntimeError):  # neither the package folder nor the home cache can be written
        result._cache = _Cache(function)  # type: ignore[no-untyped-call]
    kernel: Callable[..., Any] = result
    return kernel
