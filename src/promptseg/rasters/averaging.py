"""Reduced windows as averages over all of their pixels, made strip by strip, so that a large window needs little memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..masks import Size
from .reader import Samples
from .window import Window

_AT_ONCE = 4 << 20
"""Maximum number of pixels of a strip, as long as a row has no more."""


def averaged(read: Callable[[Window], Samples], window: Window, size: Size) -> Samples:
    """Return the samples of a window in a size that is at most its own.

    Pixels without data do not count in the averages. A pixel of the result has data where one of its pixels has.

    Args:
        read: Function that returns the samples of a window in its own size.
        window: The window.
        size: ``(height, width)`` of the result.
    """
    if size == window.size:
        return read(window)
    rows = max(1, _AT_ONCE // window.width)
    strips = [Window(y, window.x, min(rows, window.bottom - y), window.width) for y in range(window.y, window.bottom, rows)]
    total: NDArray[Any] = np.zeros(0)
    for strip in strips:
        values, valid = read(strip)
        if not total.size:
            kind = values.dtype
            total, weight = np.zeros((*size, values.shape[2]), working_type(kind)), np.zeros(size, np.float32)
        first, shares = _row_shares(strip.y - window.y, strip.height, window.height, size[0])
        last = first + len(shares)
        narrow_values, narrow_weight = _narrowed(values, valid, size[1])
        total[first:last] += (shares.astype(total.dtype) @ narrow_values.reshape(strip.height, -1)).reshape(last - first, size[1], -1)
        weight[first:last] += shares @ narrow_weight
    has_data = weight > _NOTHING
    return Samples(as_type(total / np.where(has_data, weight, 1)[..., None], kind), has_data)


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


def _row_shares(start: int, count: int, height: int, result: int) -> tuple[int, NDArray[np.float32]]:
    """Return the first row of the result that a strip is part of, and the share of each of its rows in each row of the result.

    Args:
        start: First row of the strip in the window.
        count: Number of rows of the strip.
        height: Number of rows of the window.
        result: Number of rows of the result.
    """
    step = height / result
    first, last = int(start / step), min(result, -int(-(start + count) // step))
    tops = np.arange(first, last)[:, None] * step
    rows = start + np.arange(count)[None]
    shared = np.minimum(tops + step, rows + 1) - np.maximum(tops, rows)
    return first, (np.clip(shared, 0, None) / step).astype(np.float32)


_NOTHING = 1e-6
"""Weight below which a pixel has no data: it is the noise of rounding."""
