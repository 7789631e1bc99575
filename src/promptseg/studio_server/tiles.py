"""`Pyramids`: images as tiles of several sizes, so that a page shows 100 megapixels without loading them all."""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..images import load_image
from ..masks import Size
from ..server.errors import NotFoundError
from .file_stamps import stamp_of

TILE = 512
"""Width and height of a tile in pixels. Those at the right and lower edges are smaller."""

MAX_BYTES = 768 << 20
"""Maximum size of the pyramids in memory. The latest one stays, whatever its size."""

THREADS = 2
"""Number of threads that read images, so that the threads of the server stay free for changes."""

QUALITY = 92


@dataclass(frozen=True)
class Pyramid:
    """An image in full size, then in half, a quarter and so on, until it fits into one tile.

    Attributes:
        levels: The sizes, (H, W, 3) uint8 RGB.
    """

    levels: tuple[NDArray[np.uint8], ...]

    @property
    def size(self) -> Size:
        """``(height, width)`` of the image."""
        return self.levels[0].shape[0], self.levels[0].shape[1]

    @property
    def nbytes(self) -> int:
        """Size of all levels in memory."""
        return sum(level.nbytes for level in self.levels)

    def tile(self, level: int, column: int, row: int) -> bytes:
        """Return a tile as JPEG.

        Raises:
            NotFoundError: There is no such tile.
        """
        if not 0 <= level < len(self.levels):
            raise NotFoundError(f"the image has the levels 0 to {len(self.levels) - 1}, got {level}")
        pixels = self.levels[level]
        tile = pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] if row >= 0 and column >= 0 else pixels[:0]
        if not tile.size:
            raise NotFoundError(f"level {level} has no tile in column {column} and row {row}")
        file = io.BytesIO()
        Image.fromarray(tile).save(file, "JPEG", quality=QUALITY, subsampling=0)
        return file.getvalue()


class Pyramids:
    """Pyramids of image files, made when they are first asked for, on threads of their own. For one event loop.

    Args:
        max_bytes: Maximum size of all pyramids in memory.
        load: Function that reads an image file.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, load: Callable[[Path], NDArray[np.uint8]] = load_image) -> None:
        self._max_bytes, self._load = max_bytes, load
        self._threads = ThreadPoolExecutor(THREADS, "promptseg-tiles")
        self._pyramids: OrderedDict[tuple[Path, tuple[int, int] | None], asyncio.Future[Pyramid]] = OrderedDict()

    async def tile(self, path: Path, level: int, column: int, row: int) -> bytes:
        """Return a tile of an image file as JPEG.

        Raises:
            NotFoundError: There is no such tile.
            InputError: The image cannot be read.
        """
        pyramid = await self._pyramid(path)
        return await asyncio.get_running_loop().run_in_executor(self._threads, pyramid.tile, level, column, row)

    def soon(self, path: Path) -> None:
        """Begin to make the pyramid of an image file. What is wrong with the file is told when it is asked for."""
        self._making(path).add_done_callback(_observed)

    async def prepare(self, path: Path) -> Size:
        """Make the pyramid of an image file, and return ``(height, width)`` of the image, upright.

        Raises:
            InputError: The image cannot be read.
        """
        return (await self._pyramid(path)).size

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _pyramid(self, path: Path) -> Pyramid:
        """Return the pyramid of an image file. Who asks while it is made waits for the same one."""
        making = self._making(path)
        pyramid = await asyncio.shield(making)
        self._drop()
        return pyramid

    def _making(self, path: Path) -> asyncio.Future[Pyramid]:
        """Return the pyramid of an image file as it is made, or was."""
        key = path, stamp_of(path)
        making = self._pyramids.get(key)
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = asyncio.get_running_loop().run_in_executor(self._threads, lambda: pyramid_of(self._load(path)))
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
                made.append((key, making.result().nbytes))
        total = sum(nbytes for _, nbytes in made)
        for key, nbytes in made[:-1]:
            if total <= self._max_bytes:
                return
            del self._pyramids[key]
            total -= nbytes


def _observed(making: asyncio.Future[Pyramid]) -> None:
    """Take the error of a pyramid that nobody waits for."""
    if not making.cancelled():
        making.exception()


def pyramid_of(pixels: NDArray[np.uint8]) -> Pyramid:
    """Return the pyramid of an image, (H, W, 3) uint8 RGB."""
    levels = [pixels]
    for height, width in level_sizes((pixels.shape[0], pixels.shape[1]))[1:]:
        levels.append(np.asarray(cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA), np.uint8))
    return Pyramid(tuple(levels))


def level_sizes(size: Size) -> list[Size]:
    """Return ``(height, width)`` of each level: half of the one before, rounded up, until it fits into one tile."""
    sizes = [size]
    while max(sizes[-1]) > TILE:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes
