"""`RasterPyramid`: the tiles of a raster, read when they are asked for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ...masks import Size
from ...rasters.raster import Raster
from ...rasters.window import Window
from ..pyramid import Pyramid, checked_tile, jpeg, level_sizes, pyramid_of

COARSE = 4 << 20
"""Number of pixels up to which a level is kept in memory, with those above it: the page asks for all of their tiles again and again."""


class RasterPyramid:
    """A raster in full size, then in half, a quarter and so on. Threads may share it.

    Args:
        raster: The raster. The pyramid closes it.
    """

    def __init__(self, raster: Raster) -> None:
        self._raster = raster
        self._sizes = level_sizes(raster.size)
        self._first_coarse = next(level for level, (height, width) in enumerate(self._sizes) if height * width <= COARSE)
        self._reading, self._lock = threading.Lock(), threading.Lock()
        self._coarse: Pyramid | None = None
        self._users, self._is_closed = 0, False

    @property
    def size(self) -> Size:
        """``(height, width)`` of the raster."""
        return self._sizes[0]

    @property
    def description(self) -> Mapping[str, Any]:
        """How to open the raster again."""
        return self._raster.description

    @property
    def nbytes(self) -> int:
        """Size of the levels that are kept in memory."""
        return sum(3 * height * width for height, width in self._sizes[self._first_coarse :])

    def tile(self, level: int, column: int, row: int) -> bytes:
        """Return a tile as JPEG.

        Raises:
            NotFoundError: There is no such tile.
            InputError: The file cannot be read there.
        """
        x0, y0, x1, y1 = checked_tile(self._sizes, level, column, row)
        height, width = self.size
        with self._in_use():
            if level >= self._first_coarse:
                return self._coarse_levels().tile(level - self._first_coarse, column, row)
            left, top, right, bottom = x0 << level, y0 << level, min(width, x1 << level), min(height, y1 << level)
            return jpeg(self._raster.read(Window(top, left, bottom - top, right - left), (y1 - y0, x1 - x0)))

    def close(self) -> None:
        """Close the raster, as soon as no thread reads it."""
        with self._lock:
            self._is_closed, is_idle = True, self._users == 0
        if is_idle:
            self._raster.close()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the raster open during the block."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                is_last = self._is_closed and self._users == 0
            if is_last:
                self._raster.close()

    def _coarse_levels(self) -> Pyramid:
        """Return the levels that are kept, read at the first time."""
        with self._reading:
            if self._coarse is None:
                height, width = self.size
                self._coarse = pyramid_of(self._raster.read(Window(0, 0, height, width), self._sizes[self._first_coarse]))
            return self._coarse
