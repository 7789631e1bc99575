"""Shapes that labeling tools draw, as masks and as corners: ellipses and rotated rectangles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Mask, Size


def rotated_rectangle(
    box: tuple[float, float, float, float], degrees: float, about: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """Return the corners of a rotated rectangle, (4, 2) ``(x, y)`` in pixels.

    Args:
        box: ``(x0, y0, x1, y1)`` before the rotation, in pixels.
        degrees: Angle of the rotation, clockwise as one looks at the image.
        about: ``(x, y)`` of the point that stays in place. By default the center of the rectangle.

    Raises:
        InputError: When a value is not finite.
    """
    x0, y0, x1, y1 = box
    center = about or ((x0 + x1) / 2, (y0 + y1) / 2)
    if not all(map(math.isfinite, (*box, degrees, *center))):
        raise InputError(f"a rectangle has finite corners and a finite angle, got {box} and {degrees}")
    offsets = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64) - center
    corners: NDArray[np.float64] = offsets @ _rotation(degrees).T + center
    return corners


def ellipse(center: tuple[float, float], radii: tuple[float, float], size: Size, degrees: float = 0) -> Mask:
    """Return the mask of the pixels whose centers lie within an ellipse.

    Args:
        center: ``(x, y)`` of the center in pixels.
        radii: Radii along x and y before the rotation, in pixels.
        size: ``(height, width)`` of the image. The part outside of it is cut off.
        degrees: Angle of the rotation about the center, clockwise as one looks at the image.

    Raises:
        InputError: When a value is not finite, or a radius is negative.
    """
    if not all(map(math.isfinite, (*center, *radii, degrees))) or min(radii) < 0:
        raise InputError(f"an ellipse has a finite center and angle, and radii from 0, got {center}, {radii} and {degrees}")
    (height, width), turn = size, _rotation(degrees)
    # Half of the width and height of the rotated ellipse.
    with np.errstate(over="ignore"):  # What overflows lies outside the image all the same.
        reach = np.hypot(turn[:, 0] * radii[0], turn[:, 1] * radii[1])
        left, top = np.clip(np.floor(center - reach), 0, [width, height]).astype(int).tolist()
        right, bottom = np.clip(np.ceil(center + reach), 0, [width, height]).astype(int).tolist()
    if min(radii) == 0 or right <= left or bottom <= top:
        return Mask.from_crop(np.zeros((0, 0), bool), (0, 0), size)
    y, x = np.ogrid[top:bottom, left:right]
    across, down = x + 0.5 - center[0], y + 0.5 - center[1]
    along_x, along_y = turn[0, 0] * across + turn[1, 0] * down, turn[0, 1] * across + turn[1, 1] * down
    return Mask.from_crop((along_x / radii[0]) ** 2 + (along_y / radii[1]) ** 2 <= 1, (left, top), size)


def _rotation(degrees: float) -> NDArray[np.float64]:
    """Return the matrix that rotates ``(x, y)`` clockwise as one looks at the image, where y points downwards."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])
