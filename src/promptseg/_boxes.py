"""Boxes as masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import number_array
from .errors import InputError, shown
from .masks import Mask, Size, checked_size


def filled_box(box: Sequence[float] | NDArray[Any], size: Size, label: str | None = None) -> Mask:
    """Return a mask of the pixels whose centers lie within a box, with `from_box` set.

    Boxes are half-open: a center on the left or upper edge is inside, one on the right or lower edge is not. So boxes that share an edge
    share no pixel, and a box with whole-number corners has the pixels from ``x0`` to ``x1 - 1``.

    Args:
        box: ``[x0, y0, x1, y1]`` in pixels. The part outside the image is cut off.
        size: ``(height, width)`` of the image.
        label: The mask's class.

    Raises:
        InputError: The box is not four finite numbers, or the size is not one of an image.
    """
    size = height, width = checked_size(size)
    numbers = number_array(box, "the corners of a box", InputError).astype(np.float64)
    if numbers.shape != (4,) or not np.isfinite(numbers).all():
        raise InputError(f"a box is four finite numbers x0, y0, x1, y1, got {shown(box)}")
    corners = np.ceil(numbers - 0.5)
    x0, y0, x1, y1 = np.clip(corners, 0, [width, height, width, height]).astype(int).tolist()
    pixels = np.ones((max(0, y1 - y0), max(0, x1 - x0)), bool)
    return replace(Mask.from_crop(pixels, (x0, y0), size, label=label), from_box=True)
