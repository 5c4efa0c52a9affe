"""Write a bundle as a folder that opens from ``file://``: one page, one script, one style sheet, data, pictures."""

from __future__ import annotations

import hashlib
import html
import re
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import write_text
from clearhead.core.errors import ArtifactError, StorageError, UntrustedError
from clearhead.report.bundle import Bundle
from clearhead.report.pack import groups
from clearhead.report.shards import script_json, shards

__all__ = ["write_report"]

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp", b"GIF8": "gif"}


def write_report(bundle: Bundle, folder: Path) -> Path:
    """Write the page into ``folder`` (made if absent; an earlier report there is replaced) and return its address.

    The page asks nothing of the network: scripts of at most 1 MB carry the data, and a strict content security
    policy forbids everything else. ``index.html`` is written last, so a page that exists is whole.

    Examples
    --------
    >>> write_report(bundle, Path("runs/demo/report"))  # doctest: +SKIP
    PosixPath('runs/demo/report/index.html')
    """
    folder = Path(folder)
    index = folder / "index.html"
    index.unlink(missing_ok=True)
    for name in ("data", "media", "thumbs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("app.js", "app.css"):
        _write_bytes(folder / name, asset(name).encode())
    _write_thumbnails(bundle, folder / "thumbs")
    media = _write_media(bundle.media, folder)
    listing: dict[str, int] = {}
    for group, payload in groups(bundle, media):
        if group == "examples":
            payload = dict(payload) | {"thumb": _thumbnail_names(bundle)}
        for shard in shards(group, payload):
            _write_bytes(folder / "data" / shard.name, shard.text.encode())
            listing[group] = shard.part + 1
    _write_bytes(folder / "data" / "listing.js", f"self.clearheadListing={script_json(listing)};\n".encode())
    write_text(index, _html(bundle, listing))
    return index


def asset(name: str) -> str:
    """A built asset of the page; it comes with the package."""
    try:
        return resources.files("clearhead.report").joinpath("assets", name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactError(
            f"the page's {name} is not installed", fix="npm --prefix web ci && npm --prefix web run build"
        ) from error


def _html(bundle: Bundle, listing: Mapping[str, int]) -> str:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "worker-src blob:; base-uri 'none'; form-action 'none'"
    )
    first = [f"data/manifest.{i}.js" for i in range(listing["manifest"])]
    first.append(f"data/head-{bundle.selected}.0.js")
    scripts = "\n".join(f'<script src="{src}" defer></script>' for src in ["data/listing.js", *first, "app.js"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="clearhead">
<title>{html.escape(bundle.title)} · clearhead</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="app.css">
{scripts}
</head>
<body><div id="app"><noscript>This page draws itself with a script; please allow it to run.</noscript></div></body>
</html>
"""


def _thumbnail_name(number: int, data: bytes) -> str:
    return f"thumbs/{number:06d}.{_suffix(data)}"


def _suffix(data: bytes) -> str:
    for signature, suffix in _SIGNATURES.items():
        if data.startswith(signature):
            return suffix
    raise UntrustedError("a picture is neither PNG, JPEG, WebP nor GIF", got=data[:8], fix="encode it as PNG")


def _write_thumbnails(bundle: Bundle, folder: Path) -> None:
    for number, data in enumerate(bundle.examples.thumbnails or ()):
        if data is not None:
            _write_bytes(folder.parent / _thumbnail_name(number, data), data)


def _thumbnail_names(bundle: Bundle) -> list[str | None]:
    return [None if d is None else _thumbnail_name(i, d) for i, d in enumerate(bundle.examples.thumbnails or ())]


def _write_media(media: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Copy pictures under names of our own, since theirs may be anything."""
    addresses = {}
    for name, source in media.items():
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60]
        address = f"media/{stem}-{hashlib.sha256(data).hexdigest()[:8]}.{_suffix(data)}"
        _write_bytes(folder / address, data)
        addresses[name] = address
    return addresses


def _write_bytes(path: Path, data: bytes) -> None:
    """Plainly: thousands of synced files would take minutes, and the index that makes them count comes last."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(
            f"could not write {path}", got=error, fix="free some space and make the report again"
        ) from error
