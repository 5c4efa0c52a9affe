"""Pictures of a page: thumbnails and media, as files beside it or inside it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clearhead.core.errors import UntrustedError
from clearhead.report.bundle import Bundle

__all__ = ["media", "suffix", "thumbnails"]

Keep = Callable[[str, bytes], str]
"""Takes a name and a picture; returns the address by which the page finds it."""

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp", b"GIF8": "gif"}
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}


def suffix(data: bytes) -> str:
    """The suffix of an encoded picture by its first bytes; other files are refused, since SVG can hold scripts."""
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    raise UntrustedError("a picture is neither PNG, JPEG, WebP nor GIF", got=data[:8], fix="encode it as PNG")


def inline(name: str, data: bytes) -> str:
    """The picture as its own address."""
    return f"data:{_TYPES[suffix(data)]};base64,{base64.b64encode(data).decode()}"


def thumbnails(bundle: Bundle, keep: Keep) -> list[str | None]:
    """Keep each example's thumbnail, one at a time; their addresses in order, None where there is none."""
    return [
        None if data is None else keep(f"thumbs/{number:06d}.{suffix(data)}", data)
        for number, data in enumerate(bundle.examples.thumbnails or ())
    ]


def media(named: Mapping[str, Any], keep: Keep) -> dict[str, str]:
    """Keep pictures under names of our own, since theirs may be anything."""
    addresses = {}
    for name, source in named.items():
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60]
        addresses[name] = keep(f"media/{stem}-{hashlib.sha256(data).hexdigest()[:8]}.{suffix(data)}", data)
    return addresses
