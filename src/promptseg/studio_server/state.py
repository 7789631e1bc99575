"""`Studio`: what the routes of the studio speak to."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from .ahead import Ahead
from .exporting import Downloads
from .import_undo import LatestImport
from .project import Project
from .project_thread import WithProjectThread, project_thread
from .thumbnails import Thumbnails
from .tiles import Pyramids


@dataclass(frozen=True)
class Studio(WithProjectThread):
    """The parts of a studio.

    Attributes:
        project: The images with their objects.
        pyramids: Tiles of the images.
        thumbnails: Small pictures of the images.
        ahead: The images that are encoded ahead.
        downloads: ZIPs of exports.
        latest_import: The latest import, which can be taken back.
        places: Files of the images that were opened, by their ids on the server.
        threads: The thread of the project.
    """

    project: Project
    pyramids: Pyramids
    thumbnails: Thumbnails
    ahead: Ahead
    downloads: Downloads
    places: dict[str, Path] = field(default_factory=dict)
    latest_import: LatestImport = field(default_factory=LatestImport)
    threads: ThreadPoolExecutor = field(default_factory=project_thread)

    def begin_stop(self) -> None:
        """End the streams of the pages, and the work on images that nobody waits for."""
        self.project.events.close()
        self.pyramids.close()
        self.thumbnails.close()
        self.ahead.stop()


def studio_of(request: Request) -> Studio:
    """Return the studio of the application."""
    studio: Studio = request.app.state.studio
    return studio


InStudio = Annotated[Studio, Depends(studio_of)]


def json_bytes(values: Any) -> bytes:
    """Return values as JSON in ASCII: names of files may hold bytes that are no text."""
    return json.dumps(values, separators=(",", ":")).encode("ascii")
