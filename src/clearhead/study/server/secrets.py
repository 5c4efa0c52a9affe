"""The server's own secrets, made once a study folder."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from clearhead.core.artifacts import read_json
from clearhead.study.private import write_private_json
from clearhead.study.store.people import digest

__all__ = ["Secrets", "make_secrets"]


@dataclass(frozen=True)
class Secrets:
    """The key that signs forms, and the hash of the admin token."""

    key: str
    admin_hash: str


def make_secrets(folder: Path) -> tuple[Secrets, str | None]:
    """The study folder's secrets; the admin token itself only when it was made now (it is stored as a hash)."""
    path = Path(folder) / "server.json"
    if path.exists():
        data = read_json(path)
        return Secrets(data["key"], data["admin_hash"]), None
    token = secrets.token_urlsafe(32)
    made = Secrets(secrets.token_urlsafe(32), digest(token))
    write_private_json(path, {"key": made.key, "admin_hash": made.admin_hash})
    return made, token
