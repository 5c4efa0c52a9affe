"""The errors clearhead raises.

::

    ClearheadError
    ├── InputError (ValueError)          what the user passed cannot be used
    │   ├── DataError                    rows, labels, tables, images, text
    │   ├── ModelError                   no head, two heads, W·f + b is not the logits
    │   └── SettingError                 a flag or an argument
    ├── MissingExtraError (ImportError)  an optional dependency is not installed
    ├── ArtifactError                    a stored file is absent, truncated or of another schema
    │   └── LockedError                  another process writes this run
    ├── StorageError (OSError)           full disk, no permission
    ├── NotConvergedError                ``throw=True`` and a solution is not certified
    ├── LostRankError                    another process of a distributed job has ended
    └── UntrustedError                   a file that could execute code, or one too large to be honest

Each says *what* happened, what it *got*, what it *expected* and what to do (*fix*).
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArtifactError",
    "ClearheadError",
    "DataError",
    "InputError",
    "LockedError",
    "LostRankError",
    "MissingExtraError",
    "ModelError",
    "NotConvergedError",
    "SettingError",
    "StorageError",
    "UntrustedError",
]


class ClearheadError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    what : one sentence: what went wrong.
    got, expected : the value found and the value that would have been fine, if there is one to name.
    fix : what the user can do about it.

    Examples
    --------
    >>> str(DataError("labels do not match rows", got="90 labels", expected="100", fix="pass one label a row"))
    'labels do not match rows\\n  got: 90 labels\\n  expected: 100\\n  try: pass one label a row'
    """

    exit_code = 1

    def __init__(self, what: str, *, got: Any = None, expected: Any = None, fix: str | None = None) -> None:
        self.what, self.got, self.expected, self.fix = what, got, expected, fix
        lines = [what]
        lines += [f"  {name}: {value}" for name, value in (("got", got), ("expected", expected)) if value is not None]
        lines += [f"  try: {fix}"] if fix else []
        super().__init__("\n".join(lines))

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON-ready data, for ``--json``."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "got": None if self.got is None else str(self.got),
            "expected": None if self.expected is None else str(self.expected),
            "fix": self.fix,
        }


class InputError(ClearheadError, ValueError):
    """What the user passed cannot be used."""

    exit_code = 2


class DataError(InputError):
    """Rows, labels, tables, images or text cannot be used."""


class ModelError(InputError):
    """The network cannot be used: no head found, several candidates, or the head identity fails."""


class SettingError(InputError):
    """A flag or an argument has a value that makes no sense."""


class MissingExtraError(ClearheadError, ImportError):
    """An optional dependency is not installed."""

    exit_code = 3

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package!r}, which is not installed",
            fix=f"pip install 'clearhead[{extra}]'",
        )


class ArtifactError(ClearheadError):
    """A stored file is absent, truncated, or was written by another schema."""

    exit_code = 4


class LockedError(ArtifactError):
    """Another process is writing this run."""


class StorageError(ClearheadError, OSError):
    """The disk is full or the folder cannot be written; nothing half-written is kept."""

    exit_code = 5


class NotConvergedError(ClearheadError):
    """A solution was asked for with ``throw=True`` and its certificate does not meet the tolerance."""

    exit_code = 6


class LostRankError(ClearheadError):
    """Another process of this distributed job has ended, so this one cannot go on."""

    exit_code = 8


class UntrustedError(ClearheadError):
    """A file could execute code or is too large to be honest; it was not opened."""

    exit_code = 7
