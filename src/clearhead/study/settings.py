"""How a study is built and how it is served: what its owner decides.

Light on purpose: the command line makes its flags from these classes without importing the server or torch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from clearhead.core.errors import SettingError

__all__ = ["CONSENT", "BuildSettings", "ServerSettings"]

CONSENT = """\
You are invited to take part in a research study about how people understand the patterns that a computer program uses.
You will look at pictures or words and answer short questions. There are no right answers that you need to know.

Taking part is voluntary. You may stop at any time, and you may withdraw: everything you answered is then deleted.
Your answers are stored under a random name. Your network address is not stored. {platform}{timing}
"""
PLATFORM = {
    True: "The participant number in your link is kept beside that name, to confirm that you took part; "
    "withdrawing deletes it too. ",
    False: "",
}
TIMING = {
    True: "How long you take for each question, and how often you leave the page meanwhile, is recorded.",
    False: "The time you take is not recorded.",
}


@dataclass(frozen=True)
class BuildSettings:
    """What is asked.

    Parameters
    ----------
    tasks : number of classes (simulate), pairs a head (spurious) or errors (misclassification) [default: the paper's].
    answers : people asked each task.
    repeats : tasks asked a second time of the same person, to see who agrees with themselves; they enter no rate.
    warning : content warning above the tasks; if not given, sentences and what is called sensitive get one.
    seed : of everything that is drawn.
    """

    tasks: int | None = None
    answers: int = 5
    repeats: int = 0
    warning: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.answers < 1 or self.repeats < 0 or (self.tasks is not None and self.tasks < 1):
            raise SettingError(
                "a study asks at least one task of at least one person",
                got=f"{self.tasks} tasks, {self.answers} answers, {self.repeats} repeats",
            )


@dataclass(frozen=True)
class ServerSettings:
    """How people are asked.

    Parameters
    ----------
    consent : text people agree to first; its version is a hash of it, so that a changed text is asked again.
    timing : record seconds and losses of focus; the consent text then says so.
    contact : whom to ask; shown on the consent page.
    platform : accept /start?PROLIFIC_PID=… links from a recruiting platform.
    completion_code : shown to everyone who finishes; a random one a person if empty.
    completion_url : where the code is entered; {code} is replaced.
    quota : most tasks a person is asked; all of them, if not given.
    lease_seconds : how long a task is held for whoever opened it.
    https : the server is reached over HTTPS; cookies are then marked Secure.
    hosts : names under which the server may be reached, besides loopback.
    rate : requests a second that one session may make.
    burst : the same at once.
    address_rate : requests a second that one address may make, whatever its sessions; addresses are not stored.
    address_burst : the same at once.
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

    def address(self, host: str, port: int) -> str:
        """Where people reach the server: with ``https`` at its first name, behind whatever ends the encryption."""
        name = self.hosts[0] if self.hosts else host
        return f"https://{name}" if self.https and self.hosts else f"http{'s' * self.https}://{name}:{port}"

    @property
    def consent_text(self) -> str:
        """The text as shown."""
        text = self.consent.replace("{platform}", PLATFORM[self.platform])
        return text.replace("{timing}", TIMING[self.timing])

    @property
    def consent_version(self) -> str:
        """A hash of the text as shown."""
        return hashlib.sha256(self.consent_text.encode()).hexdigest()[:16]
