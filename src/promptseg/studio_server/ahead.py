"""Encoding of the next images ahead of the first click, where the device has nothing better to do.

The page tells which images come next, all of them anew each time that a person goes to another image. Each is encoded as a job of the
engine: clicks are answered first. Only a few wait. Those that are not told any more, because the person has jumped, are given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ..errors import PromptSegError
from ..server.operations import Encode
from ..server.service import Service
from .project import Project
from .stored import stored_image

MAX_AHEAD = 4
"""Number of images that wait to be encoded, or are."""

MOMENT = 2.0
"""Seconds within which a page tells all images that come next."""

_log = logging.getLogger(__name__)


class Ahead:
    """The images that are encoded ahead.

    Args:
        service: The service whose engine encodes.
        project: The images.
        clock: Tells the time in seconds.
    """

    def __init__(self, service: Service, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        self._service, self._project, self._clock = service, project, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wished: dict[str, float] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Keys of the images that wait or are being encoded, the first to come first."""
        return tuple(self._tasks)

    def want(self, key: str) -> None:
        """Encode an image soon. Images that were wished for more than a `MOMENT` ago are given up, and the oldest beyond `MAX_AHEAD`."""
        now = self._clock()
        for other in self.waiting:
            if other != key and self._wished[other] < now - MOMENT:
                self._give_up(other)
        if key not in self._tasks:
            while len(self._tasks) >= MAX_AHEAD:
                self._give_up(next(iter(self._tasks)))
            self._tasks[key] = asyncio.create_task(self._encode(key), name=f"encode {key} ahead")
        self._wished[key] = now

    def stop(self) -> None:
        """Give up all images."""
        for key in self.waiting:
            self._give_up(key)

    def _give_up(self, key: str) -> None:
        self._tasks.pop(key).cancel()
        del self._wished[key]

    async def _encode(self, key: str) -> None:
        try:
            image = await self._service.compute(lambda: stored_image(self._service.images, self._project.image(key), self._project.rasters))
            async for _ in self._service.engine.stream(Encode(self._service.model().name, image)):
                pass
        except PromptSegError as error:  # Whoever opens the image is told.
            _log.info("an image cannot be encoded ahead: %s", error)
        finally:
            if self._tasks.get(key) is asyncio.current_task():
                del self._tasks[key], self._wished[key]
