"""How a study is served: consent, links, limits. And the server's own secrets, made once a study folder."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from clearhead.core.artifacts import read_json
from clearhead.core.errors import SettingError
from clearhead.study.private import write_private_json
from clearhead.study.store.people import digest

__all__ = ["CONSENT", "Secrets", "ServerSettings", "make_secrets"]

CONSENT = """\
You are invited to take part in a research study about how people understand the patterns that a computer program uses.
You will look at pictures or words and answer short questions. There are no right answers that you need to know.

Taking part is voluntary. You may stop at any time, and you may withdraw: everything you answered is then deleted.
Your answers are stored under a random name. Your network address is not stored. {timing}
"""
TIMING = {
    True: "How long you take for each question, and how often you leave the page meanwhile, is recorded.",
    False: "The time you take is not recorded.",
}


@dataclass(frozen=True)
class ServerSettings:
    """What a study's owner decides.

    Parameters
    ----------
    consent : text people agree to first; its version is a hash of it, so that a changed text is asked again.
    timing : record seconds and losses of focus; the consent text then says so.
    contact : whom to ask (shown on the consent page).
    platform : accept ``/start?PROLIFIC_PID=…`` links from a recruiting platform.
    completion_code : shown to everyone who finishes; a random one a person if empty.
    completion_url : where the code is entered; ``{code}`` is replaced.
    quota : most tasks a person is asked; None for all.
    lease_seconds : how long a task is held for whoever opened it.
    https : the server is reached over HTTPS (cookies are then marked Secure).
    hosts : names under which the server may be reached, besides loopback.
    rate, burst : requests a second, and at once, that one session (or one address without a session) may make.
    address_rate, address_burst : the same for one address, whatever its sessions; addresses are not stored.
    max_body : bytes of a request.
    """

    consent: str = CONSENT
    timing: bool = False
    contact: str = ""
    platform: bool = False
    completion_code: str = ""
    completion_url: str = ""
    quota: int | None = None
    lease_seconds: float = 1800.0
    https: bool = False
    hosts: tuple[str, ...] = ()
    rate: float = 10.0
    burst: int = 60
    address_rate: float = 400.0
    address_burst: int = 2000
    max_body: int = 65_536

    def __post_init__(self) -> None:
        if self.completion_url and not self.completion_url.startswith(("https://", "http://")):
            raise SettingError("the completion address must be a web address", got=self.completion_url)

    @property
    def consent_text(self) -> str:
        """The text as shown."""
        return self.consent.replace("{timing}", TIMING[self.timing])

    @property
    def consent_version(self) -> str:
        """A hash of the text as shown."""
        return hashlib.sha256(self.consent_text.encode()).hexdigest()[:16]


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
