"""Places in images, as tools for drawing give them."""

from __future__ import annotations

from collections.abc import Sequence

from ...masks import Size


def inside(place: Sequence[float], size: Size) -> tuple[float, float]:
    """Return a place ``(x, y)`` that is moved onto the last pixel if it is on the right or lower border of the image.

    Tools count from the upper left corner of the first pixel, so a click on the border of a canvas is just outside the last pixel.
    """
    x, y = place
    height, width = size
    return (min(x, width - 1.0) if x <= width else x), (min(y, height - 1.0) if y <= height else y)
