"""Boxes as masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .masks import Mask, Size


def filled_box(box: Sequence[float] | NDArray[Any], size: Size, label: str | None = None) -> Mask:
    """Return a mask of the pixels whose centers lie within a box, with `from_box` set.

    Boxes are half-open: a center on the left or upper edge is inside, one on the right or lower edge is not. So boxes that share an edge
    share no pixel, and a box with whole-number corners has the pixels from ``x0`` to ``x1 - 1``.

    Args:
        box: ``[x0, y0, x1, y1]`` in pixels. The part outside the image is cut off.
        size: ``(height, width)`` of the image.
        label: The mask's class.
    """
    height, width = size
    corners = np.ceil(np.asarray(box, np.float64) - 0.5)
    x0, y0, x1, y1 = np.clip(corners, 0, [width, height, width, height]).astype(int).tolist()
    pixels = np.ones((max(0, y1 - y0), max(0, x1 - x0)), bool)
    return replace(Mask.from_crop(pixels, (x0, y0), size, label=label), from_box=True)
