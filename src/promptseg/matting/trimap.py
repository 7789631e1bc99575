"""Trimaps: what is certainly the object, what certainly is not, and the band between them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import InputError, shown
from ..masks import Mask, Size

FOREGROUND, UNKNOWN, BACKGROUND = 255, 128, 0
"""Values of a trimap."""

MAX_BAND = 256
"""Maximum width of the unknown band on either side of a mask's border, in pixels."""


def make_trimap(inside: NDArray[np.bool_], band: int) -> NDArray[np.uint8]:
    """Return the trimap of a mask: the pixels within `band` of its border are unknown.

    The border of the image is not a border of the mask: an object that the image cuts off is the object up to there.

    Args:
        inside: (H, W) the mask.
        band: Distance in pixels, on either side of the mask's border.

    Returns:
        (H, W) uint8: 255 for the object, 0 for the background, 128 for unknown.

    Raises:
        InputError: `inside` is not an array of booleans, or `band` is not a whole number from 1 to `MAX_BAND`.
    """
    import cv2

    if not isinstance(inside, np.ndarray) or inside.dtype != bool or inside.ndim != 2 or not inside.size:
        raise InputError(f"a mask is an array of booleans (height, width), got {shown(inside)}")
    band = checked_band(band)
    trimap: NDArray[np.uint8] = np.where(inside, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    if inside.all() or not inside.any():  # It has no border, and no distance from one.
        return trimap
    for pixels in (inside, ~inside):
        distance = cv2.distanceTransform(pixels.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        trimap[pixels & (distance <= band)] = UNKNOWN
    return trimap


def checked_band(band: object) -> int:
    """Return the width of a band, checked.

    Raises:
        InputError: It is not a whole number from 1 to `MAX_BAND`.
    """
    return whole_number("band", band, 1, InputError, most=MAX_BAND, unit="pixels")


def usual_band(mask: Mask) -> int:
    """Return a width of the band that suits a mask: a 150th of the image's longer side, but less for a small object.

    Models draw masks on a grid of about 256 cells along the longer side, so that a border is wrong by about so much.
    """
    return max(2, min(_of_image(mask.size), int(math.sqrt(mask.area) / 4)))


def _of_image(size: Size) -> int:
    return min(MAX_BAND, round(max(size) / 150))
