"""The admin's routes, behind a token: progress, agreement, export, invitations."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from clearhead.study.agreement import krippendorff_alpha
from clearhead.study.ballots import QUESTIONS, cast
from clearhead.study.exchange.tables import answers_csv, answers_jsonl, csv_text
from clearhead.study.server.identity import ADMIN_COOKIE
from clearhead.study.server.site import Form, Site

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["Admin"]

MOST_LINKS = 500
EXPORTS = {
    "answers.jsonl": "application/jsonl",
    "answers.csv": "text/csv",
    "payments.csv": "text/csv",
    "withdrawn.json": "application/json",
}


class Admin:
    """Handlers for whoever runs the study; an annotator's cookie opens none of them."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def login_page(self, request: Request, error: str = "", status: int = 200) -> Response:
        """Asks for the token."""
        return self.site.html("login.html", status, error=error)

    def login(self, request: Request, form: Form) -> Response:
        """The token becomes a cookie."""
        if not self.site.identity.is_admin_token((form.get("token") or [""])[0]):
            return self.login_page(request, "that is not the admin token", 403)
        response = self.site.go("/admin")
        self.site.identity.admit(response)
        return response

    def logout(self, request: Request, form: Form) -> Response:
        """Forget the cookie."""
        if not self._genuine(request, form):
            return self.site.forged()
        response = self.site.go("/admin/login")
        response.delete_cookie(ADMIN_COOKIE, path="/admin")
        return response

    def page(self, request: Request, links: tuple[str, ...] = ()) -> Response:
        """Progress and agreement."""
        cookie = self.site.identity.admin(request)
        if not cookie:
            return self.site.go("/admin/login")
        progress = self.site.store.results.progress()
        rows = [(name.replace("_", " "), getattr(progress, name)) for name in progress.__dataclass_fields__]
        return self.site.html(
            "admin.html",
            rows=rows,
            alphas=self._alphas(),
            exports=list(EXPORTS),
            csrf=self.site.identity.csrf(cookie),
            links=links,
        )

    def invite(self, request: Request, form: Form) -> Response:
        """New personal links, shown once."""
        if not self._genuine(request, form):
            return self.site.forged()
        asked = (form.get("count") or [""])[0]
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:6]) <= MOST_LINKS):
            return self.site.message("That is not a number of links", f"Ask for 1 to {MOST_LINKS}.", 422)
        base = str(request.base_url.replace(scheme="https") if self.site.settings.https else request.base_url).rstrip(
            "/"
        )
        made = self.site.store.people.invite(int(asked))
        return self.page(request, tuple(f"{base}/join/{secret}" for _, secret in made))

    def export(self, request: Request, name: str) -> Response:
        """A file of what came in; without arms and truths, which are not here."""
        from fastapi.responses import Response

        if not self.site.identity.admin(request):
            return self.site.go("/admin/login")
        if name not in EXPORTS:
            return self.site.message("There is no such export", "See the admin page for the list.", 404)
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(self._text(name), media_type=EXPORTS[name], headers=headers)

    def _text(self, name: str) -> str:
        results = self.site.store.results
        if name == "payments.csv":
            rows = ({"platform_id": who, "code": code} for who, code in results.platform_codes())
            return csv_text(["platform_id", "code"], rows)
        if name == "withdrawn.json":
            return json.dumps(results.withdrawn())
        answers = results.answers()
        return answers_jsonl(answers) if name == "answers.jsonl" else answers_csv(answers, self.site.study.kind)

    def _alphas(self) -> list[tuple[str, str]]:
        answers = self.site.store.results.answers()
        people = {name: i for i, name in enumerate(sorted({a.annotator for a in answers}))}
        tasks = {name: i for i, name in enumerate(self.site.tasks)}
        found = []
        for question in QUESTIONS[self.site.study.kind] if answers else ():
            alpha = krippendorff_alpha(cast(answers, self.site.study.kind, question, tasks, people).answered())
            found.append((question.name, "–" if math.isnan(alpha) else f"{alpha:.2f}"))
        return found

    def _genuine(self, request: Request, form: Form) -> bool:
        cookie = self.site.identity.admin(request)
        return self.site.identity.may_post(request, cookie, (form.get("csrf") or [""])[0])
