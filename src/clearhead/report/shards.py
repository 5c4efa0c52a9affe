"""Data as classic scripts of at most one megabyte: all that a page opened from a file may load."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearhead.core.artifacts import plain

__all__ = ["LIMIT", "Shard", "script_json", "shards"]

LIMIT = 1_000_000
_PIECE = LIMIT // 8  # longer pieces would be long to encode and to decode at once
_ROOM = 200  # for the call around a part
_TYPES = {"uint8": "u1", "uint16": "u2", "uint32": "u4", "int32": "i4", "float32": "f4"}


@dataclass(frozen=True)
class Shard:
    """One script: ``group`` names what it is a part of, ``part`` its place, ``pieces`` what it holds."""

    group: str
    part: int
    pieces: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.group}.{self.part}.js"

    @property
    def text(self) -> str:
        """The whole script."""
        return "".join(self.chunks())

    def chunks(self) -> Iterator[str]:
        """The script in parts, so that nobody needs a second copy of it."""
        yield f"(self.clearhead=self.clearhead||[]).push([{script_json(self.group)},{self.part},["
        for number, piece in enumerate(self.pieces):
            yield f",{piece}" if number else piece
        yield "]]);\n"


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element and as a script: no ``<``, no line separators.

    >>> script_json("</script>")
    '"\\\\u003c/script>"'
    """
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Lone surrogates cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


def shards(group: str, payload: Mapping[str, Any]) -> Iterator[Shard]:
    """Cut a payload into scripts. Arrays and lists are cut where they are too long and joined again by the page.

    Arrays are little-endian, in base64, of one of the types the page knows; everything else is JSON.
    """
    part, room, size = 0, LIMIT - _ROOM - len(group), 0
    parts: list[str] = []
    for piece in _pieces(payload, room):
        length = len(piece.encode())
        if parts and size + length > room:
            yield Shard(group, part, parts)
            part, parts, size = part + 1, [], 0
        parts.append(piece)
        size += length + 1
    yield Shard(group, part, parts)


def _pieces(payload: Mapping[str, Any], room: int) -> Iterator[str]:
    for key, value in payload.items():
        name = script_json(key)
        space = max(min(room, _PIECE) - len(name.encode()) - 100, 1)
        if isinstance(value, np.ndarray):
            yield from (f'[{name},"a",{p}]' for p in _array_pieces(value, space))
        elif isinstance(value, list | tuple):
            yield from (f'[{name},"l",{p}]' for p in _list_pieces(value, space))
        else:
            yield f'[{name},"v",{script_json(value)}]'


def _array_pieces(array: np.ndarray[Any, Any], space: int) -> Iterator[str]:
    code = _TYPES[array.dtype.name]
    flat = np.ascontiguousarray(array).reshape(-1)
    # Whole multiples of 12 bytes, so that pieces neither split an item nor pad base64 in the middle.
    step = max((space * 3 // 4) // 12 * 12 // flat.itemsize, 1)
    for start in range(0, max(len(flat), 1), step):
        chunk = flat[start : start + step].astype(flat.dtype.newbyteorder("<"), copy=False)
        yield f'["{code}","{base64.b64encode(chunk.tobytes()).decode()}"]'


def _list_pieces(items: Sequence[Any], space: int) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for item in items:
        text = script_json(item)
        length = len(text.encode()) + 1
        if chunk and size + length > space:
            yield f"[{','.join(chunk)}]"
            chunk, size = [], 0
        chunk.append(text)
        size += length
    yield f"[{','.join(chunk)}]"
