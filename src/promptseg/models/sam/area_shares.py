"""The share of each of some equal parts of an image that a mask covers: a mask as a prompt, at the resolution of logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask, Size

LARGE = 16 << 20
"""Number of pixels from which only the box of the mask is looked at."""


def area_shares(mask: Mask, size: Size) -> NDArray[np.float32]:
    """Return which share of each part of an image a mask covers.

    Args:
        mask: The mask.
        size: Number of parts, down and across.

    Returns:
        Shares of a size `size`, 0 to 1 but for rounding.
    """
    height, width = mask.size
    if height * width >= LARGE:
        pixels, (x, y) = mask.crop()
        return np.ascontiguousarray(_averaged(_averaged(pixels, height, size[0], y).T, width, size[1], x).T)
    import cv2

    return np.asarray(cv2.resize(mask.array.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_AREA), np.float32)


def _averaged(values: NDArray[Any], length: int, parts: int, start: int) -> NDArray[np.float32]:
    """Return the averages of equal parts of some rows, (parts, columns).

    Args:
        values: (N, columns) rows that are known; all others are 0.
        length: Number of rows.
        parts: Number of parts.
        start: Index of the first row that is known.
    """
    averages = np.zeros((parts, values.shape[1]), np.float32)
    step, stop = length / parts, start + len(values)
    for part in range(math.floor(start / step), min(parts, math.ceil(stop / step))):
        top, bottom = part * step, (part + 1) * step
        rows = np.arange(max(start, math.floor(top)), min(stop, math.ceil(bottom)))
        shares = (np.minimum(rows + 1, bottom) - np.maximum(rows, top)) / step
        known = values[rows[0] - start : rows[-1] + 1 - start] if len(rows) else values[:0]
        averages[part] = shares.astype(np.float32) @ known.astype(np.float32)
    return averages
