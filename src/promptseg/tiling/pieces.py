"""`Piece`: what one tile shows of an object, in pixels of the raster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask, Masks, Size
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
        cut: Whether the border of the tile cuts the object, as far as the tile can tell. The border of the raster cuts nothing.
    """

    tile: Tile
    scale: float
    mask: SceneMask
    cut: bool


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
    for mask in masks:
        cut = is_cut(mask, tile, grid.size)
        seen = mask if valid is None else _with_data(mask, valid)
        if seen.area:
            # An index counts detections of the tile.
            yield Piece(tile, grid.scale, rescaled(replace(seen, detection_index=None), tile.window), cut)


def is_cut(mask: Mask, tile: Tile, size: Size) -> bool:
    """Return whether the mask of a tile reaches a border of the tile that is not the raster's.

    Args:
        mask: A mask of the tile's `input_size`.
        tile: The tile.
        size: ``(height, width)`` of the raster.
    """
    x0, y0, x1, y1 = mask.box.tolist()
    height, width = tile.input_size
    window = tile.window
    return (
        (window.x > 0 and x0 < BORDER)
        or (window.y > 0 and y0 < BORDER)
        or (window.right < size[1] and x1 > width - BORDER)
        or (window.bottom < size[0] and y1 > height - BORDER)
    )


def _with_data(mask: Mask, valid: NDArray[np.bool_]) -> Mask:
    """Return a mask without pixels that have no data, or an empty one if these are more than the others."""
    pixels, (x, y) = mask.crop()
    there = valid[y : y + pixels.shape[0], x : x + pixels.shape[1]]
    if there.all():
        return mask
    kept = pixels & there
    if 2 * np.count_nonzero(kept) < np.count_nonzero(pixels):
        kept = np.zeros_like(kept)
    return replace(mask, counts=Mask.from_crop(kept, (x, y), mask.size).counts)
