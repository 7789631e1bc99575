"""Reduced windows as averages over all of their pixels, made strip by strip, so that a large window needs little memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from .reader import Samples
from .window import Window

_AT_ONCE = 1 << 20
"""Maximum number of pixels of a strip, as long as a row has no more."""


def averaged(read: Callable[[Window], Samples], window: Window, size: Size, rows: int = 1) -> Samples:
    """Return the samples of a window in a size that is at most its own.

    Pixels without data do not count in the averages. A pixel of the result has data where one of its pixels has.

    Args:
        read: Function that returns the samples of a window in its own size.
        window: The window.
        size: ``(height, width)`` of the result.
        rows: Height of the pieces in which the file stores its pixels. Each is read once.
    """
    if size == window.size:
        return read(window)
    total: NDArray[Any] = np.zeros(0)
    for strip, values, valid in _strips(read, window, rows):
        if not total.size:
            kind = values.dtype
            total, weight = np.zeros((*size, values.shape[2]), working_type(kind)), np.zeros(size, np.float32)
        narrow_values, narrow_weight = _narrowed(values, valid, size[1])
        for row, part, shares in _row_shares(strip.y - window.y, strip.height, window.height, size[0]):
            total[row] += np.tensordot(shares.astype(total.dtype), narrow_values[part], 1)
            weight[row] += shares @ narrow_weight[part]
    has_data = weight > _NOTHING
    return Samples(as_type(total / np.where(has_data, weight, 1)[..., None], kind), has_data)


def _strips(read: Callable[[Window], Samples], window: Window, rows: int) -> Iterator[tuple[Window, NDArray[Any], NDArray[np.bool_]]]:
    """Yield the strips of a window with their samples. They are read by whole pieces of the file."""
    few = max(1, _AT_ONCE // window.width)
    many = max(1, few // rows) * rows
    y = window.y
    while y < window.bottom:
        until = min(window.bottom, (y // many + 1) * many)
        values, valid = read(Window(y, window.x, until - y, window.width))
        for at in range(0, until - y, few):
            part = values[at : at + few]
            yield Window(y + at, window.x, len(part), window.width), part, valid[at : at + few]
        y = until


def working_type(kind: np.dtype[Any]) -> Any:
    """Return the type of floats in which samples are averaged."""
    return np.float32 if kind.itemsize < 4 or kind == np.float32 else np.float64


def as_type(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return averages as samples of a type, rounded where it is of integers."""
    return values.astype(kind) if kind.kind == "f" else np.rint(values).astype(kind)


def _narrowed(values: NDArray[Any], valid: NDArray[np.bool_], width: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return sums of a strip along its rows, as shares of its pixels with data: the values and their weights."""
    exact = values.astype(working_type(values.dtype))
    if not valid.all():
        exact = np.where(valid[..., None], np.nan_to_num(exact), 0)
    size = (width, len(values))
    sums = cv2.resize(exact, size, interpolation=cv2.INTER_AREA).reshape(len(values), width, -1)
    weights = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return sums, np.asarray(weights, np.float32).reshape(len(values), width)


def _row_shares(start: int, count: int, height: int, result: int) -> Iterator[tuple[int, slice, NDArray[np.float32]]]:
    """Yield the rows of the result that a strip is part of: the row, the rows of the strip that lie in it, and the share of each.

    Args:
        start: First row of the strip in the window.
        count: Number of rows of the strip.
        height: Number of rows of the window.
        result: Number of rows of the result.
    """
    step = height / result
    for row in range(int(start / step), min(result, math.ceil((start + count) / step))):
        top, bottom = max(row * step, start), min((row + 1) * step, start + count)
        rows = np.arange(math.floor(top), math.ceil(bottom))
        shares = np.clip(np.minimum(rows + 1, bottom) - np.maximum(rows, top), 0, None) / step
        yield row, slice(math.floor(top) - start, math.ceil(bottom) - start), shares.astype(np.float32)


_NOTHING = 1e-6
"""Weight below which a pixel has no data: it is the noise of rounding."""
