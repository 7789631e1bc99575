"""`create_studio`: the server with the routes of the studio and its page."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response

from ..image_formats import MAX_PIXELS
from ..server.app import create_app
from ..server.engine import Engine
from ..server.errors import NotFoundError, UnauthorizedError
from ..server.middleware.guard import check_token
from ..server.service import Service
from ..server.settings import ServerSettings
from .access import Access, cookie_name
from .api import ROUTERS
from .page import Page, SafeHeaders, message
from .project import Project
from .state import InStudio, Studio
from .thumbnails import Thumbnails
from .tiles import Pyramids

MAX_FILE_BYTES = 512 << 20
"""Maximum size of an image file."""

COOKIE_SECONDS = 30 * 24 * 3600
"""Time that a browser keeps the cookie, from the last opening by an address."""

NOT_OPENED = (
    "<p>This page is private. Open it by the address that <code>promptseg studio</code> printed in the terminal. It works once.</p>"
    "<p>For another address, start <code>promptseg studio</code> again on the same folder, while this one runs or after it.</p>"
)


def settings_for(access: Access, host: str, port: int, hosts: tuple[str, ...] = ()) -> ServerSettings:
    """Return the settings of the server behind a studio.

    Args:
        access: Who may use it.
        host: Address that it listens on.
        port: Port that it listens on.
        hosts: Further names of the server.
    """
    return ServerSettings(
        host=host,
        port=port,
        token=access.secret,
        cookie=cookie_name(port),
        hosts=hosts,
        max_upload_bytes=MAX_FILE_BYTES,
        max_pixels=MAX_PIXELS,
        protocols=(),
    )


def create_studio(
    engine: Engine,
    project: Project,
    access: Access,
    settings: ServerSettings,
    *,
    folder: Path | None = None,
    page: Page | None = None,
) -> FastAPI:
    """Return a studio as an application for uvicorn or any other ASGI server.

    Args:
        engine: The engine that answers prompts. The application loads its models when it starts, and ends it.
        project: The images with their objects. The caller closes it at the end.
        access: Who may use the studio.
        settings: Settings of the server, made by `settings_for`.
        folder: Temporary folder of the server; default: one that is removed at the end.
        page: The page; default: the one that is built.
    """
    app = create_app(engine, settings, folder, layers=[Middleware(SafeHeaders)], open_paths=("/", "/favicon.ico"), own_access=("/open/",))
    studio = Studio(project, access, page or Page(), Pyramids(), Thumbnails(project.own / "thumbnails"))
    app.state.studio = studio
    service: Service = app.state.service
    service.at_stop.append(studio.begin_stop)
    for router in ROUTERS:
        app.include_router(router)
    _add_page(app, settings)
    return app


def _add_page(app: FastAPI, settings: ServerSettings) -> None:
    """Add the routes of the page and of the address that opens it."""

    @app.get("/", include_in_schema=False)
    async def show_page(request: Request, studio: InStudio) -> Response:
        if not _has_cookie(request, settings):
            return message("promptseg studio", NOT_OPENED, 401)
        return studio.page.index(request)

    @app.get("/open/{code}", include_in_schema=False)
    async def open_page(code: str, request: Request, studio: InStudio) -> Response:
        if not studio.access.redeem(code[:200]):
            if _has_cookie(request, settings):
                return _to_page()
            return message("promptseg studio", "<p>This address was used before, or is too old.</p>" + NOT_OPENED, 401)
        answer = _to_page()
        answer.set_cookie(settings.cookie or "", studio.access.secret, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict")
        return answer

    @app.get("/{name}", include_in_schema=False)
    async def show_file(name: str, request: Request, studio: InStudio) -> Response:
        found = studio.page.file(name, request)
        if found is None:
            raise NotFoundError(f"the page has no file {name[:80]!r}")
        return found


def _has_cookie(request: Request, settings: ServerSettings) -> bool:
    given = request.cookies.get(settings.cookie or "", "")
    try:
        check_token(settings.token, request.headers, given=given)
    except UnauthorizedError:
        return False
    return True


def _to_page() -> RedirectResponse:
    return RedirectResponse("/", 303, {"cache-control": "no-store"})
