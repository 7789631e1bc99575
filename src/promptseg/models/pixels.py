"""Model inputs that are resized with Pillow and normalized."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import Size

Color = tuple[float, float, float]
"""A number each for red, green and blue."""

PIXEL_MEAN: Color = (0.485, 0.456, 0.406)
PIXEL_STD: Color = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet, for red, green and blue in [0, 1]."""


def normalized(
    pixels: NDArray[np.uint8], size: Size, resampling: Image.Resampling, mean: Color = PIXEL_MEAN, std: Color = PIXEL_STD
) -> NDArray[np.float32]:
    """Return the model input for an image.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        size: ``(height, width)`` of the model input.
        resampling: How it is resized.
        mean: Mean that is taken off.
        std: Standard deviation that is divided by.

    Returns:
        (3, height, width) float32.
    """
    resized = np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), resampling), np.float32)
    scaled = (resized / np.float32(255) - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))
