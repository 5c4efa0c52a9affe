"""What every request passes: size, rate, headers, and a log that knows no secrets."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from clearhead.study.settings import ServerSettings
from clearhead.study.store.people import digest

__all__ = ["SECURITY_HEADERS", "Guard", "RateLimit"]

log = logging.getLogger("clearhead.study")

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "x-robots-tag": "noindex, nofollow",
}
REMEMBERED = 10_000
UNLIMITED = ("/media/", "/static/", "/healthz")

Scope = dict[str, Any]


class RateLimit:
    """A token bucket a caller; callers are remembered by hash, in memory only."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, caller: str) -> bool:
        """Take one token of the caller's; False if there is none."""
        now = self.clock()
        tokens, then = self._buckets.pop(caller, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - allowed, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed


class Guard:
    """ASGI middleware around the whole server."""

    def __init__(self, app: Any, settings: ServerSettings) -> None:
        self.app, self.settings = app, settings
        self.session_limit = RateLimit(settings.rate, settings.burst)
        self.address_limit = RateLimit(settings.address_rate, settings.address_burst)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def send_guarded(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(message.get("headers", []))}
            await send(message)

        if not scope["path"].startswith(UNLIMITED) and not self._allowed(scope):
            await _plain(send_guarded, 429, "Too many requests: please wait a moment and try again.", retry=True)
        elif (body := await _body(scope, receive, self.settings.max_body)) is None:
            await _plain(send_guarded, 413, "The request is too large.")
        else:
            await self.app(scope, _replay(body, receive), send_guarded)
        route = scope.get("route")
        log.info("%s %s %d", scope["method"], getattr(route, "path", "(no route)"), status)  # the pattern, no secret

    def _allowed(self, scope: Scope) -> bool:
        """One bucket a session, and a larger one an address: many people share one, and cookies can be made up."""
        address = str((scope.get("client") or ("?",))[0])
        session = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
        if not self.address_limit.allows(digest(address)):
            return False
        return not session or self.session_limit.allows(digest(session))

    def _headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in headers}
        extra = dict(SECURITY_HEADERS)
        extra["cache-control"] = "no-store"
        if self.settings.https:
            extra["strict-transport-security"] = "max-age=31536000"
        return headers + [(k.encode(), v.encode()) for k, v in extra.items() if k.encode() not in names]


async def _body(scope: Scope, receive: Any, limit: int) -> bytes | None:
    """The whole body, or None if it is over the limit (announced or not)."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > limit:
        return None
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            return None
    return b"".join(parts)


def _replay(body: bytes, receive: Any) -> Any:
    sent = False

    async def again() -> dict[str, Any]:
        nonlocal sent
        if sent:
            message: dict[str, Any] = await receive()
            return message
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _plain(send: Any, status: int, text: str, *, retry: bool = False) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")] + ([(b"retry-after", b"1")] if retry else [])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
