"""One window of a raster as one tile: what is looked at when a part of a raster is searched, as a person sees it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..image_formats import MAX_PIXELS
from ..masks import Mask, Masks, Size
from ..rasters.window import Window
from ..scene_masks import SceneMask
from .grid import Tile
from .moving import Box
from .pieces import with_data
from .rescaling import rescaled


def tile_of(window: Window, longest: int) -> Tile:
    """Return a window as one tile.

    Args:
        window: The window.
        longest: Maximum width and height of the tile as the model sees it. A smaller window is not enlarged.
    """
    scale = min(1.0, longest / max(window.size))
    height, width = (max(1, round(side * scale)) for side in window.size)
    return Tile(-1, -1, window, window, (height, width))


def window_around(box: Box, like: Window, size: Size) -> Window:
    """Return a window of the size of another one with a box near its middle. It is larger where the box is.

    Args:
        box: The box.
        like: The other window.
        size: ``(height, width)`` of the raster, in which the window lies.
    """
    x, width = _span(box[0], box[2], like.width, size[1])
    y, height = _span(box[1], box[3], like.height, size[0])
    return Window(y, x, height, width)


def found_in(masks: Masks, tile: Tile, valid: NDArray[np.bool_]) -> Iterator[SceneMask]:
    """Yield the masks of a tile in pixels of the raster, in their order, without those that are empty.

    What is `too_large` is left out.

    Args:
        masks: What a model found in the tile, as masks of the tile's `input_size`.
        tile: The tile.
        valid: Where the tile has data, (height, width) bool of its `input_size`.
    """
    for mask in masks:
        seen = mask if valid.all() else with_data(mask, valid)
        if seen.area and not too_large(seen, tile):
            yield rescaled(replace(seen, detection_index=None), tile.window)


def too_large(mask: Mask, tile: Tile) -> bool:
    """Return whether the box of a tile's mask has more pixels of the raster than a mask can have: `promptseg.images.MAX_PIXELS`."""
    x0, y0, x1, y1 = mask.box
    across, down = tile.window.width / tile.input_size[1], tile.window.height / tile.input_size[0]
    return bool(((x1 - x0) * across + 1) * ((y1 - y0) * down + 1) > MAX_PIXELS)


def _span(start: float, end: float, length: int, most: int) -> tuple[int, int]:
    """Return where a span of a length begins that has another one near its middle, and its length."""
    length = min(most, max(length, math.ceil(end) - math.floor(start)))
    return min(most - length, max(0, round((start + end - length) / 2))), length
