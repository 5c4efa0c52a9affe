"""The HTML around the page: one document that loads a folder's files, or one that holds everything."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

__all__ = ["folder_document", "single_document"]

_REST = "worker-src blob:; base-uri 'none'; form-action 'none'"


def folder_document(title: str, scripts: Iterable[str], style: str) -> str:
    """A document whose scripts and style are files beside it; their addresses are given."""
    policy = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; {_REST}"
    head = [f'<link rel="stylesheet" href="{html.escape(style)}">']
    head += [f'<script src="{html.escape(src)}" defer></script>' for src in scripts]
    return _document(title, policy, head, [])


def single_document(title: str, scripts: Sequence[str], style: str) -> str:
    """A document that holds its scripts and style, each allowed by its hash and nothing else."""
    allowed = " ".join(_hash(script) for script in scripts)
    policy = f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; {_REST}"
    body = [f"<script>{script}</script>" for script in scripts]
    return _document(title, policy, [f"<style>{style}</style>"], body)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _document(title: str, policy: str, head: Sequence[str], body: Sequence[str]) -> str:
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="generator" content="clearhead">',
        f"<title>{html.escape(title)} · clearhead</title>",
        '<link rel="icon" href="data:,">',
        *head,
        "</head>",
        '<body><div id="app"><noscript>This page draws itself with a script; please allow it to run.</noscript></div>',
        *body,
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines)
