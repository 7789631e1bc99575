"""Masks of a tile, as the model sees it, in pixels of the raster."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, shown
from ..masks import Mask
from ..rasters.window import Window
from ..scene_masks import SceneMask


def rescaled(mask: Mask, window: Window) -> SceneMask:
    """Return the mask of a tile in pixels of the raster.

    It is exact where the mask has the size of the window. A smaller mask is smoothed a little and enlarged by linear interpolation, so that
    slanted outlines have no stairs. Straight outlines along the pixels stay where they are.

    Args:
        mask: A mask of a tile, as the model sees it. It must not be empty.
        window: The window that the tile shows.

    Raises:
        InputError: The mask is empty.
    """
    if mask.size == window.size:
        return SceneMask.of(mask, (window.x, window.y))
    pixels, (x, y) = mask.crop()
    if not pixels.size:
        raise InputError(f"expected a Mask that is not empty, got {shown(mask)}")
    import cv2

    (rows, columns), (height, width) = pixels.shape, mask.size
    across, down = window.width / width, window.height / height  # Pixels of the raster for one of the tile.
    x0, y0 = math.floor(x * across), math.floor(y * down)
    x1, y1 = min(window.width, math.ceil((x + columns) * across)), min(window.height, math.ceil((y + rows) * down))
    # From the center of a pixel of the raster to the place in the padded crop.
    to_crop = np.array(
        [[1 / across, 0, (x0 + 0.5) / across - x - 0.5 + _PAD], [0, 1 / down, (y0 + 0.5) / down - y - 0.5 + _PAD]], np.float64
    )
    at_border = ((y == 0, y + rows == height), (x == 0, x + columns == width))
    padded = _padded(np.where(pixels, np.uint8(255), np.uint8(0)), at_border)
    inside = _enlarged(cv2.GaussianBlur(padded, (0, 0), _SIGMA), to_crop, (x1 - x0, y1 - y0))
    if np.count_nonzero(inside) < _LEAST * np.count_nonzero(pixels) * across * down:
        inside = _enlarged(padded, to_crop, (x1 - x0, y1 - y0))
    if not inside.any():  # A few pixels of the tile that do not hold together, or fewer pixels of the raster than of the tile.
        return SceneMask.of(mask.resized(window.size), (window.x, window.y))
    enlarged = Mask.from_crop(inside, (0, 0), (y1 - y0, x1 - x0))
    return SceneMask.of(replace(mask, size=enlarged.size, counts=enlarged.counts, logits=None), (window.x + x0, window.y + y0))


def _padded(values: NDArray[np.uint8], at_border: tuple[tuple[bool, bool], tuple[bool, bool]]) -> NDArray[np.uint8]:
    """Return a crop with a margin. It is empty, but at the border of the tile, where the object may go on beyond, it goes on."""
    empty = [[0 if each else _PAD for each in ends] for ends in at_border]
    going_on = [[_PAD if each else 0 for each in ends] for ends in at_border]
    return np.pad(np.pad(values, empty), going_on, mode="edge")


def _enlarged(padded: NDArray[Any], to_crop: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    import cv2

    soft = cv2.warpAffine(padded, to_crop, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(soft > _HALF)


_PAD = 4
"""Margin around a crop in pixels of the tile. Smoothing and interpolation reach no farther."""

_SIGMA = 0.7
"""Standard deviation of the smoothing, in pixels of the tile. Outlines of discs and slanted rectangles are nearest to the truth with it."""

_LEAST = 0.9
"""Share of its area that a mask must keep. A mask as thin as a pixel of the tile keeps less, and is not smoothed."""

_HALF = 127
"""Values above this are more object than not, of those from 0 to 255."""
