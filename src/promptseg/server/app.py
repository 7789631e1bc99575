"""`create_app`: the server as an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from .. import __version__
from ..errors import PromptSegError
from .api import home, images, jobs, segment, status, videos
from .api.bodies import collect_definitions
from .engine import Engine
from .metrics import Metrics
from .middleware.bodies import Bodies
from .middleware.guard import Guard
from .middleware.records import Records
from .middleware.vanished import Vanished
from .problems import of_status, problem, request_id
from .protocols import Protocol, chosen
from .service import Service
from .settings import ServerSettings

OPEN_PATHS = ("/health", "/ready")
"""Paths that need no token: they tell nothing."""


def create_app(
    engine: Engine,
    settings: ServerSettings | None = None,
    folder: Path | None = None,
    *,
    layers: Sequence[Middleware] = (),
    open_paths: Sequence[str] = (),
    own_access: Sequence[str] = (),
    home_page: bool = True,
) -> FastAPI:
    """Return the server as an application for uvicorn or any other ASGI server.

    Args:
        engine: The engine that answers. The application loads its models when it starts, and ends it.
        settings: What is allowed, and the limits.
        folder: Folder for uploaded images and saved videos; default: a temporary one, removed at the end.
        layers: Further layers, outside of all others.
        open_paths: Further paths that need no token.
        own_access: Beginnings of paths whose routes look for themselves who may ask.
        home_page: Whether ``/`` tells what runs here. Without it, an application that stands on this one has a page of its own there.
    """
    settings = settings or ServerSettings()
    service = Service(engine, settings, folder)
    metrics = Metrics(
        lambda: engine.state,
        {"jobs_running": lambda: service.jobs.running, "images": lambda: len(service.images), "image_bytes": lambda: service.images.nbytes},
    )
    protocols = chosen(settings.protocols)
    middleware = [
        *layers,
        Middleware(Records, metrics=metrics),
        *_middleware(settings, protocols, open_paths=(*OPEN_PATHS, *open_paths), own_access=own_access),
    ]

    @contextlib.asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="promptseg",
        version=__version__,
        summary="Promptable segmentation",
        lifespan=running,
        middleware=middleware,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # They load scripts from elsewhere.
        redoc_url=None,
    )
    app.state.service, app.state.metrics = service, metrics
    for kind, handler in ((PromptSegError, _refused), (RequestValidationError, _unreadable), (HTTPException, _http)):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # Each takes the error of its kind.
    for router in (images.router, segment.router, jobs.router, videos.router, status.router):
        app.include_router(router)
    if home_page:
        app.include_router(home.router)
    for protocol in protocols:
        app.include_router(protocol.router(), include_in_schema=False)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way.
    return app


def _middleware(
    settings: ServerSettings, protocols: Sequence[Protocol], *, open_paths: Sequence[str], own_access: Sequence[str]
) -> list[Middleware]:
    """Return what checks a request before its route, the outermost first: origin, access, size, and whether its client is still there."""
    own_tokens = [*own_access, *(path for protocol in protocols for path in protocol.own_tokens)]
    frames = frozenset(path for protocol in protocols for path in protocol.frames)
    return [
        *([_cors(settings)] if settings.origins else []),
        Middleware(Guard, settings=settings, open_paths=open_paths, own_tokens=own_tokens),
        Middleware(Bodies, limit=lambda path: _limit(settings, path, frames), seconds=settings.upload_seconds),
        Middleware(Vanished),
    ]


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        collect_definitions(document)
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = document
    return app.openapi_schema


def _limit(settings: ServerSettings, path: str, frames: frozenset[str]) -> int:
    """Return the maximum size of the body for a path. Base64 takes a third more than the image."""
    if path in frames:  # It is read as a whole, so it cannot have the size of a video file.
        return min(settings.max_video_bytes, settings.max_upload_bytes * 4)
    return settings.max_video_bytes if path == "/v1/videos" else settings.max_upload_bytes * 3 // 2


def _cors(settings: ServerSettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(settings.origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["X-Request-Id", "Retry-After"],
    )


async def _refused(request: Request, error: PromptSegError) -> Response:
    return problem(error, request_id(request))


async def _unreadable(request: Request, error: RequestValidationError) -> Response:
    told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:4])
    return of_status(422, "The request cannot be read", told[:600], request_id(request))


async def _http(request: Request, error: HTTPException) -> Response:
    title = str(error.detail)
    detail = _ROUTING.get(error.status_code, title)
    return of_status(error.status_code, title, detail, request_id(request), dict(error.headers or {}))


_ROUTING = {
    404: "there is no such route: /v1/openapi.json describes those of this server",
    405: "this route does not take the method: /v1/openapi.json describes what it takes",
}
"""What clients are told whose request fits no route."""
