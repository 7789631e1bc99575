"""`Piece`: what one tile shows of an object, in pixels of the raster."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask, Masks, Size
from ..rasters.window import Window
from ..scene_masks import SceneMask
from .grid import Tile, TileGrid
from .rescaling import rescaled

BORDER = 4
"""Distance in pixels of a tile, as the model sees it, within which a mask counts as cut by the tile's border."""


@dataclass(frozen=True)
class Piece:
    """What one tile shows of an object.

    Attributes:
        tile: The tile.
        scale: Scale of the tile's grid.
        mask: The mask in pixels of the raster.
        clear: The part of the tile that is away from the borders that cut objects, see `clear_part`.
    """

    tile: Tile
    scale: float
    mask: SceneMask
    clear: Window

    @property
    def cut(self) -> bool:
        """Whether the border of the tile cuts the object, as far as the tile can tell."""
        return is_cut(self.mask, self.clear)


def pieces_of(masks: Masks, tile: Tile, grid: TileGrid, valid: NDArray[np.bool_] | None = None) -> list[Piece]:
    """Return the pieces that the masks of a tile are, without those that are empty.

    Args:
        masks: What a model found in the tile, as masks of the tile's `input_size`.
        tile: The tile.
        grid: Its grid.
        valid: Where the tile has data, (height, width) bool of its `input_size`; None for everywhere. Pixels without data belong to no
            object, and a mask that has more of them than others is none.

    Raises:
        InputError: The masks or `valid` are of another size.
    """
    if masks.size != tile.input_size or (valid is not None and valid.shape != tile.input_size):
        sizes = f"{masks.size}" if valid is None else f"{masks.size} and {valid.shape}"
        raise InputError(f"the masks of this tile have its size {tile.input_size} (height, width) as the model sees it, got {sizes}")
    return list(_pieces(masks, tile, grid, None if valid is None or valid.all() else valid))


def _pieces(masks: Masks, tile: Tile, grid: TileGrid, valid: NDArray[np.bool_] | None) -> Iterator[Piece]:
    clear = clear_part(tile, grid.size)
    for mask in masks:
        seen = mask if valid is None else with_data(mask, valid)
        if seen.area:
            # An index counts detections of the tile.
            yield Piece(tile, grid.scale, rescaled(replace(seen, detection_index=None), tile.window), clear)


def clear_part(tile: Tile, size: Size) -> Window:
    """Return the part of a tile's window that is at least `BORDER` away from the borders of the tile. That of the raster cuts nothing.

    Args:
        tile: The tile.
        size: ``(height, width)`` of the raster.
    """
    window, (height, width) = tile.window, tile.input_size
    across, down = math.floor(BORDER * window.width / width), math.floor(BORDER * window.height / height)
    x0, y0 = window.x and window.x + across, window.y and window.y + down
    x1 = window.right if window.right == size[1] else window.right - across
    y1 = window.bottom if window.bottom == size[0] else window.bottom - down
    return Window(y0, x0, y1 - y0, x1 - x0)


def is_cut(mask: SceneMask, clear: Window) -> bool:
    """Return whether a mask reaches beyond the clear part of its tile."""
    return mask.window.shared(clear) != mask.window


def with_data(mask: Mask, valid: NDArray[np.bool_]) -> Mask:
    """Return a mask without pixels that have no data, or an empty one if these are more than the others."""
    pixels, (x, y) = mask.crop()
    there = valid[y : y + pixels.shape[0], x : x + pixels.shape[1]]
    if there.all():
        return mask
    kept = pixels & there
    if 2 * np.count_nonzero(kept) < np.count_nonzero(pixels):
        kept = np.zeros_like(kept)
    return replace(mask, counts=Mask.from_crop(kept, (x, y), mask.size).counts)
