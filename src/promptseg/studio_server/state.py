"""`Studio`: what the routes of the studio speak to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from .ahead import Ahead
from .exporting import Downloads
from .imports.undo import Imports
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
        imports: The latest imports, which can be taken back.
        places: Files of the images that were opened, by their ids on the server.
        threads: The thread of the project.
    """

    project: Project
    pyramids: Pyramids
    thumbnails: Thumbnails
    ahead: Ahead
    downloads: Downloads
    places: dict[str, Path] = field(default_factory=dict)
    imports: Imports = field(default_factory=Imports)
    threads: ThreadPoolExecutor = field(default_factory=project_thread)

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the events of the project for a page. Images that come and go meanwhile are noticed."""
        looking = asyncio.create_task(self._look())
        try:
            async for content in self.project.events.listen():
                yield content
        finally:
            looking.cancel()

    async def _look(self) -> None:
        """Look for images that came or went, again and again, but for a small part of the time: a folder may be slow."""
        seconds = LOOK_SECONDS
        while True:
            await asyncio.sleep(seconds)
            started = time.monotonic()
            await self.do(self.project.look)
            seconds = max(LOOK_SECONDS, 50 * (time.monotonic() - started))

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


LOOK_SECONDS = 2.0
"""Least time between two looks for images that came or went."""


def json_bytes(values: Any) -> bytes:
    """Return values as JSON in ASCII: names of files may hold bytes that are not text."""
    return json.dumps(values, separators=(",", ":")).encode("ascii")
