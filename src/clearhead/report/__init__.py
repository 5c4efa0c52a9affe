"""F4: draw findings: one offline page where a person debugs a network, and static figures for papers."""

from __future__ import annotations

from typing import Any

__all__ = ["Bundle", "write_report"]


def __getattr__(name: str) -> Any:
    if name == "Bundle":
        from clearhead.report.bundle import Bundle

        return Bundle
    if name == "write_report":
        from clearhead.report.page import write_report

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
