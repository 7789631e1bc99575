"""`Pyramid`: an image as tiles of several sizes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import Size
from ..server.errors import NotFoundError

TILE = 512
"""Width and height of a tile in pixels. Those at the right and lower edges are smaller."""

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
        x0, y0, x1, y1 = checked_tile([(each.shape[0], each.shape[1]) for each in self.levels], level, column, row)
        return jpeg(self.levels[level][y0:y1, x0:x1])

    def close(self) -> None:
        """Do nothing: there is no file."""


def checked_tile(sizes: Sequence[Size], level: int, column: int, row: int) -> tuple[int, int, int, int]:
    """Return ``(x0, y0, x1, y1)``, half-open, of a tile in the pixels of its level.

    Args:
        sizes: ``(height, width)`` of the levels.
        level: The level.
        column: Column of the tile.
        row: Row of the tile.

    Raises:
        NotFoundError: There is no such tile.
    """
    if not 0 <= level < len(sizes):
        raise NotFoundError(f"the image has the levels 0 to {len(sizes) - 1}, got {level}")
    height, width = sizes[level]
    if not (0 <= column * TILE < width and 0 <= row * TILE < height):
        raise NotFoundError(f"level {level} has no tile in column {column} and row {row}")
    return column * TILE, row * TILE, min(width, (column + 1) * TILE), min(height, (row + 1) * TILE)


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Return the pixels of a tile, (H, W, 3) uint8 RGB, as JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


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
