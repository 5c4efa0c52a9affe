"""Who is asking: cookies of annotators and of the admin, and the marks that keep forms from being forged."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from clearhead.study.server.secrets import Secrets
from clearhead.study.settings import ServerSettings
from clearhead.study.store.people import digest

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["ADMIN_COOKIE", "COOKIE", "Identity"]

COOKIE = "clearhead_session"
ADMIN_COOKIE = "clearhead_admin"
ADMIN_SECONDS = 8 * 3600
SESSION_SECONDS = 30 * 24 * 3600


class Identity:
    """Sets and checks cookies; the two roles never share one."""

    def __init__(self, secrets: Secrets, settings: ServerSettings) -> None:
        from itsdangerous import URLSafeTimedSerializer

        self.secrets, self.settings = secrets, settings
        self._signer = URLSafeTimedSerializer(secrets.key, salt="admin")

    def session(self, request: Request) -> str:
        """The annotator's cookie, or an empty string."""
        return request.cookies.get(COOKIE, "")

    def remember(self, response: Response, token: str) -> None:
        """Give the annotator's cookie."""
        self._set(response, COOKIE, token, SESSION_SECONDS, "/")

    def forget(self, response: Response) -> None:
        """Take the annotator's cookie back."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=self.settings.https)

    def csrf(self, token: str) -> str:
        """The mark of every form shown to this session."""
        return hmac.new(self.secrets.key.encode(), f"form:{token}".encode(), hashlib.sha256).hexdigest()

    def may_post(self, request: Request, token: str, mark: str) -> bool:
        """The form was ours, shown to this session, and sent from our own page."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        genuine = hmac.compare_digest(self.csrf(token).encode(), mark.encode("utf-8", "surrogatepass"))
        return bool(token) and site in ("same-origin", "none") and genuine

    def is_admin_token(self, token: str) -> bool:
        """Whether this is the admin token."""
        return hmac.compare_digest(digest(token), self.secrets.admin_hash)

    def admit(self, response: Response) -> None:
        """Give the admin's cookie."""
        self._set(response, ADMIN_COOKIE, self._signer.dumps("admin"), ADMIN_SECONDS, "/admin")

    def admin(self, request: Request) -> str:
        """The admin's cookie if it is genuine and fresh, else an empty string."""
        from itsdangerous import BadSignature

        cookie = request.cookies.get(ADMIN_COOKIE, "")
        try:
            role = self._signer.loads(cookie, max_age=ADMIN_SECONDS)
        except BadSignature:
            return ""
        return cookie if role == "admin" else ""

    def _set(self, response: Any, name: str, value: str, age: int, path: str) -> None:
        response.set_cookie(
            name, value, max_age=age, path=path, httponly=True, samesite="lax", secure=self.settings.https
        )
