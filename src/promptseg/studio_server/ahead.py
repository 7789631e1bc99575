"""Encoding of the next images ahead of the first click, where the device has nothing better to do.

The page tells which image comes next. Each is encoded as a job of the engine: clicks are answered first. Only a few wait, and those that
the person has left behind by a jump are given up.
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import PromptSegError
from ..server.operations import Encode
from ..server.service import Service
from .project import Project
from .stored import stored_image

MAX_AHEAD = 4
"""Number of images that wait to be encoded, or are."""

_log = logging.getLogger(__name__)


class Ahead:
    """The images that are encoded ahead.

    Args:
        service: The service whose engine encodes.
        project: The images.
    """

    def __init__(self, service: Service, project: Project) -> None:
        self._service, self._project = service, project
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: list[str] = []  # The last ones, to tell going on from a jump.

    @property
    def waiting(self) -> tuple[str, ...]:
        """Keys of the images that wait or are being encoded, the first to come first."""
        return tuple(self._tasks)

    def want(self, key: str) -> None:
        """Encode an image soon. Beyond `MAX_AHEAD`, the one that was asked for first is given up."""
        if key in self._tasks:
            return
        while len(self._tasks) >= MAX_AHEAD:
            self._give_up(next(iter(self._tasks)))
        self._tasks[key] = asyncio.create_task(self._encode(key), name=f"encode {key} ahead")

    def opened(self, key: str) -> None:
        """Take note that a person has opened an image. If it was not one of those that come next, the person jumped: they are given up."""
        if key not in self._tasks and key not in self._done:
            self.stop()

    def stop(self) -> None:
        """Give up all images."""
        for key in self.waiting:
            self._give_up(key)
        self._done.clear()

    def _give_up(self, key: str) -> None:
        self._tasks.pop(key).cancel()

    async def _encode(self, key: str) -> None:
        task = asyncio.current_task()
        try:
            image = await self._service.compute(lambda: stored_image(self._service.images, self._project.image(key)))
            async for _ in self._service.engine.stream(Encode(self._service.model().name, image)):
                pass
            self._done = [*self._done, key][-MAX_AHEAD:]
        except PromptSegError as error:  # Whoever opens the image is told.
            _log.info("an image cannot be encoded ahead: %s", error)
        finally:
            if self._tasks.get(key) is task:
                del self._tasks[key]
