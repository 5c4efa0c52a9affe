"""Names of a head's features and classes, and what to say where one is not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from clearhead.core.errors import InputError

__all__ = ["named", "number_of"]


def named(names: Sequence[str] | None, count: int, noun: str) -> tuple[str, ...]:
    """The names given, one each, or "noun 0", "noun 1", …"""
    if names is None:
        return tuple(f"{noun} {i}" for i in range(count))
    if len(names) != count:
        raise InputError(f"one name a {noun} is needed", got=f"{len(names)} names", expected=count)
    return tuple(str(name) for name in names)


def number_of(which: int | str, names: Sequence[str], noun: str) -> int:
    """The number of what is given by number or name; `InputError` says what it may have been."""
    if isinstance(which, str):
        if which in names:
            return names.index(which)
        near = difflib.get_close_matches(which, names, 3)
        raise InputError(
            f"no {noun} has this name", got=which, fix=f"did you mean {', '.join(near)}?" if near else None
        )
    if not 0 <= which < len(names):
        raise InputError(f"no {noun} has this number", got=which, expected=f"0 to {len(names) - 1}")
    return int(which)
