"""Files for their owner's eyes only: never readable by others, not even while they are written."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from clearhead.core.errors import StorageError

__all__ = ["write_private_json"]


def write_private_json(path: Path, value: Any) -> None:
    """Write JSON with mode 600, atomically."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"could not write {path}", got=error, fix="check that it can be written") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
