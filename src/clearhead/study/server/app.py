"""The server of one study: put together, and run on loopback unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.core.errors import MissingExtraError
from clearhead.study.server.guard import Guard
from clearhead.study.server.identity import Identity
from clearhead.study.server.pages import HERE, STATIC, Pages
from clearhead.study.server.routes import add_admin_routes, add_annotator_routes
from clearhead.study.server.secrets import Secrets
from clearhead.study.server.site import Site
from clearhead.study.settings import ServerSettings
from clearhead.study.store import Store
from clearhead.study.tasks.folder import load_study, media_files
from clearhead.study.tasks.model import Study

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["LOOPBACK", "create_app", "run_server"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def create_app(folder: Path, store: Store, secrets: Secrets, settings: ServerSettings | None = None) -> FastAPI:
    """The ASGI application of the study in ``folder``; it reads tasks and pictures, never the key.

    Raises
    ------
    MissingExtraError : FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI
        from fastapi.responses import FileResponse, Response
        from starlette.exceptions import HTTPException
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError as error:
        raise MissingExtraError("fastapi", "study") from error

    settings = settings or ServerSettings()
    study = load_study(folder)
    site = _site(folder, study, store, secrets, settings)
    app = FastAPI(title="clearhead study", docs_url=None, redoc_url=None, openapi_url=None)
    add_annotator_routes(app, site)
    add_admin_routes(app, site)

    @app.get("/static/{name}", response_model=None, include_in_schema=False)
    def static(name: str) -> Any:
        if name not in STATIC:
            return Response(status_code=404)
        cache = {"cache-control": "public, max-age=300"}
        return FileResponse(HERE / "static" / name, media_type=STATIC[name], headers=cache)

    @app.get("/healthz", include_in_schema=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.exception_handler(HTTPException)
    async def refused(request: Any, error: HTTPException) -> Any:
        return site.message("This page does not exist", "Please use the links on the page.", error.status_code)

    @app.exception_handler(Exception)
    async def failed(request: Any, error: Exception) -> Any:
        return site.message("Something went wrong", "Your earlier answers are safe. Please try again.", 500)

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, *settings.hosts], www_redirect=False)
    app.add_middleware(Guard, settings=settings)
    return app


def _site(folder: Path, study: Study, store: Store, secrets: Secrets, settings: ServerSettings) -> Site:
    return Site(
        study=study,
        tasks={t.id: t for t in study.tasks},
        store=store,
        settings=settings,
        identity=Identity(secrets, settings),
        pages=Pages(study),
        media=media_files(folder),
    )


def run_server(app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted. Addresses and paths are not logged: paths of links hold secrets."""
    import uvicorn

    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
    )
