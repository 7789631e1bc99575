"""Tiles of an image around the pixels that matter, so that work and memory follow the border of an object and not its area."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 512
"""Height and width of a tile, without the pixels around it."""

Window = tuple[slice, slice]
"""Rows and columns."""


class Tile(NamedTuple):
    """One tile.

    Attributes:
        around: Rows and columns of the tile and what is around it, in the image.
        own: Rows and columns of the tile itself, in the image.
        within: Rows and columns of the tile itself, in `around`.
    """

    around: Window
    own: Window
    within: Window


def tiles(wanted: NDArray[np.bool_], halo: int, side: int = SIDE) -> Iterator[Tile]:
    """Yield the tiles that have a wanted pixel.

    Args:
        wanted: (H, W) whether a pixel is wanted.
        halo: Number of pixels around each tile, up to the border of the image.
        side: Height and width of a tile.
    """
    height, width = wanted.shape
    for top in range(0, height, side):
        for left in range(0, width, side):
            own = (slice(top, min(height, top + side)), slice(left, min(width, left + side)))
            if not wanted[own].any():
                continue
            around = (slice(max(0, top - halo), min(height, top + side + halo)), slice(max(0, left - halo), min(width, left + side + halo)))
            within = (
                slice(top - around[0].start, own[0].stop - around[0].start),
                slice(left - around[1].start, own[1].stop - around[1].start),
            )
            yield Tile(around, own, within)
