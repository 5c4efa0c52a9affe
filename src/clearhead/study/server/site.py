"""What the routes share: the study, its store, its pictures, and who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.study.server.identity import Identity
from clearhead.study.server.pages import Pages
from clearhead.study.settings import ServerSettings
from clearhead.study.store import Person, Store
from clearhead.study.tasks.model import Study, Task

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["Form", "Site", "read_form"]

Form = Mapping[str, list[str]]


@dataclass(frozen=True)
class Site:
    """One study on the web. The study comes without its key: the server never reads arms or truths."""

    study: Study
    tasks: Mapping[str, Task]
    store: Store
    settings: ServerSettings
    identity: Identity
    pages: Pages
    media: Mapping[str, Path]

    def person(self, request: Request) -> Person | None:
        """The annotator who is asking, if a session says so."""
        token = self.identity.session(request)
        return self.store.people.by_session(token) if token else None

    def consented(self, person: Person) -> bool:
        """Whether this annotator agreed to the text as it is now."""
        return person.consent == self.settings.consent_version

    def html(self, template: str, status: int = 200, **context: Any) -> Response:
        """A rendered page."""
        from fastapi.responses import HTMLResponse

        return HTMLResponse(self.pages.render(template, **context), status_code=status)

    def message(self, heading: str, text: str, status: int) -> Response:
        """A page that only says something."""
        return self.html("message.html", status, heading=heading, text=text)

    def go(self, path: str) -> Response:
        """See other."""
        from fastapi.responses import RedirectResponse

        return RedirectResponse(path, status_code=303)

    def stranger(self) -> Response:
        """The answer to someone without a session."""
        return self.message("No study is open here", "Please use the personal link that you were given.", 403)

    def forged(self) -> Response:
        """The answer to a form that is not ours."""
        text = "The form was too old or not from this page. Please go back, reload, and send it again."
        return self.message("This form cannot be accepted", text, 403)


async def read_form(request: Request) -> Form:
    """The text fields of a form; files are ignored."""
    form = await request.form()
    return {name: [x for x in form.getlist(name) if isinstance(x, str)] for name in form}
