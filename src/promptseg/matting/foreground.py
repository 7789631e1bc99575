"""Colors of an object at its soft border, without those of the background that shine through.

The method is blur fusion: Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021), in two passes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .tiles import tiles

_Array = NDArray[np.float32]

_WINDOWS = (90, 6)
"""Sides of the windows of both passes in pixels, as in the paper: colors from afar first, then those nearby."""

_LEAST = np.float32(1e-5)
"""What is added to weights that are divided by."""


def foreground_colors(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the image with the colors of the object alone where it is partly transparent. All other pixels stay as they are.

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB.
    """
    colors: NDArray[np.uint8] = image.copy()
    partly = (alpha > 0) & (alpha < 1)
    for tile in tiles(partly, sum(_WINDOWS)):
        share = alpha[tile.around].astype(np.float32, copy=False)
        found = _blur_fusion(image[tile.around].astype(np.float32) / np.float32(255), share)
        chosen = partly[tile.own]
        colors[tile.own][chosen] = np.round(found[tile.within][chosen] * 255).astype(np.uint8)
    return colors


def _blur_fusion(image: _Array, alpha: _Array) -> _Array:
    """Return the colors of the object for (H, W, 3) colors in [0, 1]."""
    share = alpha[..., None]
    foreground = background = image
    for side in _WINDOWS:
        weight = _blur(alpha, side)[..., None]
        blurred = _blur(foreground * share, side) / (weight + _LEAST)
        background = _blur(background * (1 - share), side) / (1 - weight + _LEAST)
        foreground = np.clip(blurred + share * (image - share * blurred - (1 - share) * background), 0, 1)
    return np.asarray(foreground, np.float32)


def _blur(values: _Array, side: int) -> _Array:
    import cv2

    return np.asarray(cv2.blur(values, (side, side)), np.float32)
