"""`create_video_studio`: the server with the routes of a studio of a video, and its page."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from ...server.engine import Engine
from ...server.service import Service
from ...server.settings import ServerSettings
from ..access import Access
from ..api import VIDEO_ROUTERS
from ..app import create_app_with_page
from ..exporting import Downloads
from ..page import Page
from .project import VideoProject
from .state import VideoStudio


def create_video_studio(
    engine: Engine, project: VideoProject, access: Access, settings: ServerSettings, folder: Path | None = None, page: Page | None = None
) -> FastAPI:
    """Return a studio of a video as an application for uvicorn or any other ASGI server.

    Args:
        engine: The engine that answers prompts and tracks. The application loads its models when it starts, and ends it.
        project: The video with its objects. The caller closes it at the end.
        access: Who may use the studio.
        settings: Settings of the server, made by `promptseg.studio_server.app.settings_for`.
        folder: Temporary folder of the server; default: one that is removed at the end.
        page: The page; default: the one that is built.
    """
    app = create_app_with_page(engine, access, settings, VIDEO_ROUTERS, folder, page)
    service: Service = app.state.service
    studio = VideoStudio(project, Downloads(service.folder / "exports"))
    app.state.studio = studio
    service.at_stop.append(studio.begin_stop)
    return app
