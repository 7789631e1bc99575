"""`Pyramids`: the images that pages show, as tiles of several sizes, so that a page shows 100 megapixels without loading them all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Union

from .file_stamps import Stamp, stamp_of
from .pyramid import Pyramid
from .rasters.pyramid import RasterPyramid

AnyPyramid = Union[Pyramid, RasterPyramid]
"""An image, or a raster, in several sizes."""

MAX_BYTES = 768 << 20
"""Maximum size of the pyramids in memory. The latest one stays, whatever its size."""

THREADS = 2
"""Number of threads that read images, so that the threads of the server stay free for changes."""


class Pyramids:
    """Pyramids of image files, made when they are first asked for, on threads of their own. For one event loop.

    Args:
        open_pyramid: Function that opens an image file.
        max_bytes: Maximum size of all pyramids in memory.
    """

    def __init__(self, open_pyramid: Callable[[Path], AnyPyramid], max_bytes: int = MAX_BYTES) -> None:
        self._open, self._max_bytes = open_pyramid, max_bytes
        self._threads = ThreadPoolExecutor(THREADS, "promptseg-tiles")
        self._pyramids: OrderedDict[tuple[Path, Stamp | None], asyncio.Future[AnyPyramid]] = OrderedDict()

    async def tile(self, path: Path, level: int, column: int, row: int) -> bytes:
        """Return a tile of an image file as JPEG.

        Raises:
            NotFoundError: There is no such tile.
            InputError: The image cannot be read.
        """
        pyramid = await self.prepare(path)
        return await asyncio.get_running_loop().run_in_executor(self._threads, pyramid.tile, level, column, row)

    def soon(self, path: Path) -> None:
        """Begin to make the pyramid of an image file. What is wrong with the file is told when it is asked for."""
        self._making(path).add_done_callback(_observed)

    async def prepare(self, path: Path) -> AnyPyramid:
        """Make the pyramid of an image file, unless it is there, and return it.

        Raises:
            InputError: The image cannot be read.
        """
        pyramid = await asyncio.shield(self._making(path))  # Who asks while it is made waits for the same one.
        self._drop()
        return pyramid

    def close(self) -> None:
        """End the threads, and close the files."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for making in self._pyramids.values():
            if making.done() and not making.cancelled() and making.exception() is None:
                making.result().close()

    def _making(self, path: Path) -> asyncio.Future[AnyPyramid]:
        """Return the pyramid of an image file as it is made, or was."""
        key = path, stamp_of(path)
        making = self._pyramids.get(key)
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = asyncio.get_running_loop().run_in_executor(self._threads, self._open, path)
            self._pyramids[key] = making
        self._pyramids.move_to_end(key)
        return making

    def _drop(self) -> None:
        """Drop the pyramids that nobody asked for of late, beyond the maximum size."""
        made = []
        for key, making in list(self._pyramids.items()):
            if making.done() and (making.cancelled() or making.exception() is not None):
                del self._pyramids[key]  # The next one who asks tries again.
            elif making.done():
                made.append((key, making.result()))
        total = sum(pyramid.nbytes for _, pyramid in made)
        for key, pyramid in made[:-1]:
            if total <= self._max_bytes:
                return
            del self._pyramids[key]
            total -= pyramid.nbytes
            pyramid.close()


def _observed(making: asyncio.Future[AnyPyramid]) -> None:
    """Take the error of a pyramid that nobody waits for."""
    if not making.cancelled():
        making.exception()
