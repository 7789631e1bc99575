"""`create_studio`: the server with the routes of the studio and its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from ..image_formats import MAX_PIXELS
from ..server.app import create_app
from ..server.engine import Engine
from ..server.service import Service
from ..server.settings import ServerSettings
from .access import Access, cookie_name
from .ahead import Ahead
from .api import ROUTERS, opening
from .exporting import Downloads
from .page import Page, SafeHeaders
from .project import Project
from .state import Studio
from .thumbnails import Thumbnails
from .tiles import Pyramids

MAX_FILE_BYTES = 512 << 20
"""Maximum size of an image file."""


def settings_for(access: Access, host: str, port: int) -> ServerSettings:
    """Return the settings of the server behind a studio.

    Args:
        access: Who may use it.
        host: Address that it listens on.
        port: Port that it listens on.
    """
    return ServerSettings(
        host=host,
        port=port,
        token=access.secret,
        cookie=cookie_name(port),
        max_upload_bytes=MAX_FILE_BYTES,
        max_pixels=MAX_PIXELS,
        protocols=(),
    )


def create_studio(
    engine: Engine, project: Project, access: Access, settings: ServerSettings, folder: Path | None = None, page: Page | None = None
) -> FastAPI:
    """Return a studio of images as an application for uvicorn or any other ASGI server.

    Args:
        engine: The engine that answers prompts. The application loads its models when it starts, and ends it.
        project: The images with their objects. The caller closes it at the end.
        access: Who may use the studio.
        settings: Settings of the server, made by `settings_for`.
        folder: Temporary folder of the server; default: one that is removed at the end.
        page: The page; default: the one that is built.
    """
    app = create_app_with_page(engine, access, settings, ROUTERS, folder, page)
    service: Service = app.state.service
    studio = Studio(
        project,
        Pyramids(project.rasters.pyramid),
        Thumbnails(project.own / "thumbnails", project.rasters),
        Ahead(service, project),
        Downloads(service.folder / "exports"),
    )
    app.state.studio = studio
    service.at_stop.append(studio.begin_stop)
    return app


def create_app_with_page(
    engine: Engine,
    access: Access,
    settings: ServerSettings,
    routers: Sequence[APIRouter],
    folder: Path | None = None,
    page: Page | None = None,
) -> FastAPI:
    """Return the server with further routes, the page, and the address that opens it, as an application.

    Args:
        engine: The engine that answers prompts.
        access: Who may use the page.
        settings: Settings of the server, made by `settings_for`.
        routers: The further routes.
        folder: Temporary folder of the server; default: one that is removed at the end.
        page: The page; default: the one that is built.
    """
    layers = [Middleware(SafeHeaders)]
    app = create_app(engine, settings, folder, layers=layers, open_paths=opening.OPEN_PATHS, own_access=opening.OWN_ACCESS, home_page=False)
    app.state.access, app.state.page = access, page or Page()
    for router in (*routers, opening.router):  # The latter has `/{name}`, and so comes last.
        app.include_router(router)
    return app
