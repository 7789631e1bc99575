"""`read_pyramid`: a raster in several sizes, of which each window is read from the smallest that has enough pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from .averaging import as_type, averaged, working_type
from .reader import Samples
from .window import Window, between

_LONGEST = 32_767
"""Maximum width and height of what OpenCV resamples."""


class Level(NamedTuple):
    """One size of a raster.

    Attributes:
        size: ``(height, width)``.
        read: Function that returns the samples of a window of this level, in its own size.
        rows: Height of the pieces in which the file stores its pixels.
    """

    size: Size
    read: Callable[[Window], Samples]
    rows: int = 1


def read_pyramid(sizes: Sequence[Size], rows: Sequence[int], read: Callable[[int, Window], Samples], window: Window, size: Size) -> Samples:
    """Return the samples of a window of a raster in several sizes, see `read_level`.

    Args:
        sizes: ``(height, width)`` of each, the full one first.
        rows: Height of the pieces in which the file stores the pixels of each.
        read: Function that returns the samples of a window of one, by its index.
        window: The window, in pixels of the first.
        size: ``(height, width)`` of the result.
    """
    levels = [Level(of, partial(read, number), high) for number, (of, high) in enumerate(zip(sizes, rows, strict=True))]
    return read_level(levels, window, size)


def read_level(levels: Sequence[Level], window: Window, size: Size) -> Samples:
    """Return the samples of a window in a size that is at most its own.

    Args:
        levels: The sizes of the raster, the full one first.
        window: The window, in pixels of the first level.
        size: ``(height, width)`` of the result.
    """
    full = levels[0].size
    steps = window.height / size[0], window.width / size[1]
    for level in sorted(levels[1:], key=lambda level: level.size):
        scales = level.size[0] / full[0], level.size[1] / full[1]
        # A level that has almost enough pixels, such as half of an odd number, is enough.
        if scales[0] * steps[0] > 0.99 and scales[1] * steps[1] > 0.99:
            return _resampled(level, window, size, scales)
    return averaged(levels[0].read, window, size, levels[0].rows)


def _resampled(level: Level, window: Window, size: Size, scales: tuple[float, float]) -> Samples:
    """Return the samples of a window of the full level, read from a smaller one. The edges may lie between its pixels."""
    y0, x0, y1, x1 = window.y * scales[0], window.x * scales[1], window.bottom * scales[0], window.right * scales[1]
    around = between(math.floor(x0), math.floor(y0), min(level.size[1], math.ceil(x1)), min(level.size[0], math.ceil(y1)))
    assert around is not None  # noqa: S101 - A window of at least one pixel covers a part of a pixel.
    exact = (y0, x0, y1, x1) == (around.y, around.x, around.bottom, around.right) and size[0] <= around.height and size[1] <= around.width
    finer = max(1, round((y1 - y0) / size[0])), max(1, round((x1 - x0) / size[1]))
    fine = size[0] * finer[0], size[1] * finer[1]
    if exact or max(*fine, *around.size) > _LONGEST:
        return averaged(level.read, around, (min(size[0], around.height), min(size[1], around.width)), level.rows)
    values, valid = level.read(around)
    scale_y, scale_x = (y1 - y0) / fine[0], (x1 - x0) / fine[1]
    # From the center of a pixel of the result to a place in what was read, where centers are whole numbers.
    place = np.array([[scale_x, 0, scale_x / 2 - 0.5 + x0 - around.x], [0, scale_y, scale_y / 2 - 0.5 + y0 - around.y]])
    weights = valid.astype(np.float32)
    known = np.where(valid[..., None], np.nan_to_num(values.astype(working_type(values.dtype))), 0)

    def moved(pixels: NDArray[Any]) -> NDArray[Any]:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(pixels, place, (fine[1], fine[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE).reshape(*fine, -1)

    sums, shares = moved(known), moved(weights)
    if fine != size:
        sums, shares = (cv2.resize(each, (size[1], size[0]), interpolation=cv2.INTER_AREA).reshape(*size, -1) for each in (sums, shares))
    has_data = shares[..., 0] > 0.01
    return Samples(as_type(sums / np.where(has_data[..., None], shares, 1), values.dtype), has_data)
