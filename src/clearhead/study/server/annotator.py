"""The annotator's routes: link, consent, task, corrections, completion, withdrawal."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from clearhead.core.errors import DataError
from clearhead.study.answers import FIELDS, from_form, is_blank
from clearhead.study.server.site import Form, Site
from clearhead.study.store import Person, Submission

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["Annotator"]

PLATFORM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOKEN = re.compile(r"[0-9a-f]{32}")
LONGEST_SECONDS = 24 * 3600.0


class Annotator:
    """Handlers, each a plain function of a request; every one that changes something checks the form's mark."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def home(self, request: Request) -> Response:
        """Where this person should be."""
        person = self.site.person(request)
        if person is None:
            return self.site.stranger()
        return self.site.go("/task" if self.site.consented(person) else "/consent")

    def join(self, request: Request, secret: str) -> Response:
        """A personal link: its secret becomes a cookie, and leaves the address bar."""
        person = self.site.store.people.by_link(secret)
        if person is None:
            return self.site.message("This link does not work", "It may be mistyped, or the person withdrew.", 404)
        return self._enter(person)

    def start(self, request: Request) -> Response:
        """A recruiting platform's link, in Prolific's form."""
        name = request.query_params.get("PROLIFIC_PID", "")
        if not self.site.settings.platform or not PLATFORM_ID.fullmatch(name):
            return self.site.message("This link does not work", "It lacks a participant id.", 404)
        return self._enter(self.site.store.people.by_platform(name))

    def _enter(self, person: Person) -> Response:
        response = self.site.go("/")
        self.site.identity.remember(response, self.site.store.people.open_session(person))
        return response

    def consent(self, request: Request) -> Response:
        """The consent text."""
        if self.site.person(request) is None:
            return self.site.stranger()
        settings = self.site.settings
        return self.site.html(
            "consent.html",
            consent=[p for p in settings.consent_text.split("\n\n") if p.strip()],
            contact=settings.contact,
            version=settings.consent_version,
            platform=settings.platform,
            csrf=self._mark(request),
        )

    def agree(self, request: Request, form: Form) -> Response:
        """Consent given, to the version that was shown."""
        person = self.site.person(request)
        if person is None:
            return self.site.stranger()
        if not self._genuine(request, form):
            return self.site.forged()
        if form.get("version") != [self.site.settings.consent_version]:
            return self.site.go("/consent")
        self.site.store.people.consent(person, self.site.settings.consent_version)
        return self.site.go("/task")

    def current(self, request: Request) -> Response:
        """To the task this person should do now."""
        person = self._admitted(request)
        if not isinstance(person, Person):
            return person
        return self._towards(self.site.store.queue.next(person))

    def show(self, request: Request, task_id: str) -> Response:
        """A task's form, with what was answered before."""
        person = self._admitted(request)
        if not isinstance(person, Person):
            return person
        task = self.site.tasks.get(task_id)
        given = self.site.store.queue.holds(person, task_id) if task else None
        if given is None:
            return self.site.message("There is no such task for you", "Please continue with your current task.", 404)
        return self._form(request, task_id, given.values)

    def save(self, request: Request, task_id: str, form: Form) -> Response:
        """Store an answer (or correct one); then on to the next task."""
        person = self._admitted(request)
        if not isinstance(person, Person):
            return person
        if not self._genuine(request, form):
            return self.site.forged()
        task = self.site.tasks.get(task_id)
        token = (form.get("submission") or [""])[0]
        if task is None or not TOKEN.fullmatch(token):
            return self.site.message("There is no such task for you", "Please continue with your current task.", 404)
        try:
            values = self._values(task, form)
        except DataError as error:
            return self._form(request, task_id, self._echo(task.kind, form), error.what, 422)
        try:
            following = self.site.store.queue.submit(person, Submission(task_id, values, token, *self._timing(form)))
        except DataError:
            return self.site.message("There is no such task for you", "Please continue with your current task.", 404)
        return self._towards(following)

    def answers(self, request: Request) -> Response:
        """What this person answered, to look at and correct."""
        person = self._admitted(request)
        if not isinstance(person, Person):
            return person
        given = self.site.store.queue.given(person)
        return self.site.html("answers.html", nav=True, given=given, done=len(given))

    def done(self, request: Request) -> Response:
        """The completion code, once nothing is left and everything is stored."""
        person = self._admitted(request)
        if not isinstance(person, Person):
            return person
        if (task := self.site.store.queue.next(person)) is not None:
            return self.site.go(f"/task/{task}")
        count = len(self.site.store.queue.given(person))
        if not count:
            return self.site.message("No task is open at the moment", "Please come back later.", 200)
        settings = self.site.settings
        code = self.site.store.people.finish(person, settings.completion_code or None)
        url = settings.completion_url.replace("{code}", code)
        return self.site.html("done.html", nav=True, done=count, code=code, url=url)

    def ask_withdraw(self, request: Request) -> Response:
        """The page that asks before everything is deleted."""
        if self.site.person(request) is None:
            return self.site.stranger()
        return self.site.html("withdraw.html", csrf=self._mark(request))

    def withdraw(self, request: Request, form: Form) -> Response:
        """Delete this person's answers."""
        person = self.site.person(request)
        if person is None:
            return self.site.stranger()
        if not self._genuine(request, form):
            return self.site.forged()
        self.site.store.people.withdraw(person)
        response = self.site.message("You have withdrawn", "Everything you answered has been deleted. Thank you.", 200)
        self.site.identity.forget(response)
        return response

    def picture(self, request: Request, media_id: str) -> Response:
        """A picture by its number, for annotators only."""
        from fastapi.responses import FileResponse, Response

        path = self.site.media.get(media_id)
        if path is None or not self.site.identity.session(request):
            return Response(status_code=404)
        kind = "image/png" if path.suffix == ".png" else "image/jpeg"
        return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=86400"})

    def _admitted(self, request: Request) -> Person | Response:
        person = self.site.person(request)
        if person is None:
            return self.site.stranger()
        return person if self.site.consented(person) else self.site.go("/consent")

    def _towards(self, task: str | None) -> Response:
        return self.site.go("/done" if task is None else f"/task/{task}")

    def _mark(self, request: Request) -> str:
        return self.site.identity.csrf(self.site.identity.session(request))

    def _genuine(self, request: Request, form: Form) -> bool:
        token = self.site.identity.session(request)
        return self.site.identity.may_post(request, token, (form.get("csrf") or [""])[0])

    def _form(self, request: Request, task_id: str, values: Any, error: str = "", status: int = 200) -> Response:
        from fastapi.responses import HTMLResponse

        page = self.site.pages.task(
            self.site.tasks[task_id],
            values,
            csrf=self._mark(request),
            timing=self.site.settings.timing,
            error=error,
            nav=True,
        )
        return HTMLResponse(page, status_code=status)

    def _values(self, task: Any, form: Form) -> dict[str, Any]:
        if form.get("action") == ["blank"]:
            return {}
        values = from_form(task, form)
        if is_blank(task.kind, values):
            raise DataError("nothing is selected; please choose, or press “leave blank”")
        return values

    def _echo(self, kind: str, form: Form) -> dict[str, Any]:
        """What was sent, to fill the form again; unknown options simply match nothing."""
        sent: dict[str, Any] = {name: form[name] for name in FIELDS[kind] if form.get(name)}
        return {name: value if name == "matches" else value[0] for name, value in sent.items()}

    def _timing(self, form: Form) -> tuple[float | None, int | None]:
        """Seconds and losses of focus, only where the consent says that they are recorded."""
        if not self.site.settings.timing:
            return None, None
        seconds, blurs = ((form.get(name) or [""])[0] for name in ("seconds", "blurs"))
        try:
            value = float(seconds)
        except ValueError:
            value = math.nan
        kept = value if 0 <= value <= LONGEST_SECONDS else None
        return kept, int(blurs) if blurs.isascii() and blurs.isdigit() and len(blurs) < 6 else None
