"""Which address does what. Annotations are real classes here, as FastAPI reads them; so no postponed evaluation."""

from typing import TYPE_CHECKING, Any

from clearhead.study.answers import FIELDS
from clearhead.study.server.admin import Admin
from clearhead.study.server.annotator import Annotator
from clearhead.study.server.site import Site, read_form

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["add_admin_routes", "add_annotator_routes"]

SAID: dict[int | str, dict[str, Any]] = {
    303: {"description": "see other"},
    403: {"description": "no session, or a forged form"},
    404: {"description": "unknown, or not yours"},
    413: {"description": "too large"},
    422: {"description": "not complete"},
    429: {"description": "too many requests"},
}


def _form_schema(names: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


def add_annotator_routes(app: "FastAPI", site: Site) -> None:
    """The annotator's addresses. Each answers with HTML, or sends the browser on."""
    from fastapi import Request
    from fastapi.concurrency import run_in_threadpool

    a = Annotator(site)
    names = sorted({name for fields in FIELDS.values() for name in fields})
    form = _form_schema(["csrf", "submission", "action", "version", "seconds", "blurs", *names])
    get: dict[str, Any] = {"methods": ["GET"], "response_model": None, "responses": SAID}
    post: dict[str, Any] = {"methods": ["POST"], "response_model": None, "responses": SAID, "openapi_extra": form}

    def join(request: Request, secret: str) -> Any:
        return a.join(request, secret)

    def show(request: Request, task_id: str) -> Any:
        return a.show(request, task_id)

    def picture(request: Request, media_id: str) -> Any:
        return a.picture(request, media_id)

    async def save(request: Request, task_id: str) -> Any:
        return await run_in_threadpool(a.save, request, task_id, await read_form(request))

    app.add_api_route("/", _reading(a.home), **get)
    app.add_api_route("/join/{secret}", join, **get)
    app.add_api_route("/start", _reading(a.start), **get)
    app.add_api_route("/consent", _reading(a.consent), **get)
    app.add_api_route("/consent", _posting(a.agree), **post)
    app.add_api_route("/task", _reading(a.current), **get)
    app.add_api_route("/task/{task_id}", show, **get)
    app.add_api_route("/task/{task_id}", save, **post)
    app.add_api_route("/answers", _reading(a.answers), **get)
    app.add_api_route("/done", _reading(a.done), **get)
    app.add_api_route("/withdraw", _reading(a.ask_withdraw), **get)
    app.add_api_route("/withdraw", _posting(a.withdraw), **post)
    app.add_api_route("/media/{media_id}", picture, **get)


def add_admin_routes(app: "FastAPI", site: Site) -> None:
    """The admin's addresses, all under ``/admin``."""
    from fastapi import Request

    admin = Admin(site)
    get: dict[str, Any] = {"methods": ["GET"], "response_model": None, "responses": SAID}
    post: dict[str, Any] = {"methods": ["POST"], "response_model": None, "responses": SAID}
    post["openapi_extra"] = _form_schema(["token", "csrf", "count"])

    def export(request: Request, name: str) -> Any:
        return admin.export(request, name)

    app.add_api_route("/admin", _reading(admin.page), **get)
    app.add_api_route("/admin/login", _reading(admin.login_page), **get)
    app.add_api_route("/admin/login", _posting(admin.login), **post)
    app.add_api_route("/admin/logout", _posting(admin.logout), **post)
    app.add_api_route("/admin/invite", _posting(admin.invite), **post)
    app.add_api_route("/admin/export/{name}", export, **get)


def _reading(handler: Any) -> Any:
    """A handler of the request alone."""
    from fastapi import Request

    def endpoint(request: Request) -> Any:
        return handler(request)

    endpoint.__name__ = handler.__name__
    return endpoint


def _posting(handler: Any) -> Any:
    """A handler of the request and its form, run beside the event loop."""
    from fastapi import Request
    from fastapi.concurrency import run_in_threadpool

    async def endpoint(request: Request) -> Any:
        return await run_in_threadpool(handler, request, await read_form(request))

    endpoint.__name__ = handler.__name__
    return endpoint
