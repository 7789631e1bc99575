"""Bilinear resizing in NumPy without a filter against aliasing, as torch's ``interpolate``: the whole, a part, or the mask above zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask, Size

Span = tuple[int, int]
"""Half-open range of rows or columns."""


def resized(values: NDArray[Any], size: Size, rows: Span | None = None, columns: Span | None = None) -> NDArray[np.float32]:
    """Return values resized to `size`, or a part of the result. The work is that of the part.

    Args:
        values: (h, w) or (h, w, C) numbers.
        size: ``(height, width)`` of the whole result.
        rows: Rows of the result to return. None: all.
        columns: Columns of the result to return. None: all.
    """
    low, high, share = _neighbors(values.shape[0], size[0], *(rows or (0, size[0])))
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    down = values[low] * (1 - share) + values[high] * share
    low, high, share = _neighbors(values.shape[1], size[1], *(columns or (0, size[1])))
    share = share.reshape(-1, *[1] * (values.ndim - 2))
    return np.asarray(down[:, low] * (1 - share) + down[:, high] * share, np.float32)


def mask_above_zero(logits: NDArray[np.float32], size: Size) -> Mask:
    """Return the mask of the pixels of an image where its resized logits are above 0.

    Only the part is resized where a pixel can be above 0: a mean of two logits is above 0 only if one of them is.

    Args:
        logits: (h, w) logits of the whole image.
        size: ``(height, width)`` of the image.
    """
    above = logits > 0
    spans = [_reach(np.flatnonzero(above.any(axis=1 - axis)), logits.shape[axis], size[axis]) for axis in (0, 1)]
    (top, bottom), (left, right) = spans
    crop = resized(logits, size, (top, bottom), (left, right)) > 0
    return Mask.from_crop(crop, (left, top), size)


def _reach(above: NDArray[np.intp], inputs: int, outputs: int) -> Span:
    """Return the span of the outputs that have one of some inputs next to them."""
    if not len(above):
        return (0, 0)
    scale = outputs / inputs
    start, stop = (int(above[0]) - 0.5) * scale - 0.5, (int(above[-1]) + 1.5) * scale - 0.5
    return (max(int(np.floor(start)), 0), min(int(np.ceil(stop)) + 1, outputs))


def _neighbors(inputs: int, outputs: int, start: int, stop: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the indices of the two inputs next to each output from `start` to before `stop`, and the weight of the second."""
    half = np.float32(0.5)
    position = np.maximum((np.arange(start, stop, dtype=np.float32) + half) * np.float32(inputs / outputs) - half, np.float32(0))
    low = np.minimum(position.astype(np.intp), inputs - 1)
    return low, np.minimum(low + 1, inputs - 1), position - low.astype(np.float32)
