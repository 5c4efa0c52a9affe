"""Write a bundle as a page that opens from ``file://``: a folder of small files, or one file that holds all."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

from clearhead.core.artifacts import write_text
from clearhead.core.errors import ArtifactError, SettingError, StorageError
from clearhead.report import pictures
from clearhead.report.bundle import Bundle
from clearhead.report.document import folder_document, single_document
from clearhead.report.pack import groups
from clearhead.report.shards import Shard, script_json, shards

__all__ = ["asset", "write_report"]

WARN_BYTES = 10_000_000
MOST_BYTES = 50_000_000


def write_report(bundle: Bundle, folder: Path, *, single_file: bool = False, force: bool = False) -> Path:
    """Write the page into ``folder`` (made if absent; an earlier report there is replaced) and return its address.

    The page asks nothing of the network: scripts of at most 1 MB carry the data, and a strict content security
    policy forbids everything else. ``index.html`` is written last, so a page that exists is whole.

    Parameters
    ----------
    single_file : put everything into ``index.html``. Browsers grow slow beyond 10 MB (a warning); beyond 50 MB it is a
        `SettingError` unless ``force``.

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
        (folder / name).unlink(missing_ok=True)
    write_text(index, _single(bundle, force) if single_file else _folder(bundle, folder))
    return index


def asset(name: str) -> str:
    """A built asset of the page; it comes with the package."""
    try:
        return resources.files("clearhead.report").joinpath("assets", name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        fix = "npm --prefix web ci --ignore-scripts && npm --prefix web run build"
        raise ArtifactError(f"the page's {name} is not installed", fix=fix) from error


def _folder(bundle: Bundle, folder: Path) -> str:
    def keep(address: str, data: bytes) -> str:
        _write(folder / address, [data])
        return address

    for name in ("app.js", "app.css"):
        keep(name, asset(name).encode())
    listing: dict[str, int] = {}
    for shard in _shards(bundle, keep):
        _write(folder / "data" / shard.name, shard.chunks())
        listing[shard.group] = shard.part + 1
    keep("data/listing.js", _listing(listing).encode())
    # What the first page draws is named here; the rest is fetched when it is looked at.
    first = [f"data/manifest.{i}.js" for i in range(listing["manifest"])]
    first += [f"data/head-{bundle.selected}.{i}.js" for i in range(listing[f"head-{bundle.selected}"])]
    return folder_document(bundle.title, ["data/listing.js", *first, "app.js"], "app.css")


def _single(bundle: Bundle, force: bool) -> str:
    script, style = asset("app.js"), asset("app.css")
    scripts, listing, size = [], {}, len(script) + len(style)
    for shard in _shards(bundle, pictures.inline):
        scripts.append(shard.text)
        listing[shard.group] = shard.part + 1
        size += len(shard.text.encode())
        if size > MOST_BYTES and not force:
            raise SettingError(
                "the report is too large for a single file",
                got=f"over {size / 1e6:.0f} MB",
                expected=f"at most {MOST_BYTES / 1e6:.0f} MB",
                fix="make a folder (the default), ship fewer examples, or force it",
            )
    if size > WARN_BYTES:
        warnings.warn(f"the report is one file of {size / 1e6:.0f} MB: browsers open a folder faster", stacklevel=3)
    return single_document(bundle.title, [_listing(listing), *scripts, script], style)


def _shards(bundle: Bundle, keep: pictures.Keep) -> Iterator[Shard]:
    """All shards in the page's order; pictures are kept when the shard that names them is made."""
    for group, payload in groups(bundle, pictures.media(bundle.media, keep)):
        if group == "examples":
            payload = dict(payload) | {"thumb": pictures.thumbnails(bundle, keep)}
        yield from shards(group, payload)


def _listing(listing: Mapping[str, int]) -> str:
    return f"self.clearheadListing={script_json(listing)};\n"


def _write(path: Path, parts: Iterable[bytes | str]) -> None:
    """Plainly: thousands of synced files would take minutes, and the index that makes them count comes last."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(part.encode() if isinstance(part, str) else part for part in parts)
    except OSError as error:
        fix = "free some space and make the report again"
        raise StorageError(f"could not write {path}", got=error, fix=fix) from error
