"""Model inputs that are resized with Pillow and normalized by the statistics of ImageNet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import Size

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet, for red, green and blue in [0, 1]."""


def normalized(pixels: NDArray[np.uint8], size: Size, resampling: Image.Resampling) -> NDArray[np.float32]:
    """Return the model input for an image.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        size: ``(height, width)`` of the model input.
        resampling: How it is resized.

    Returns:
        (3, height, width) float32.
    """
    resized = np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), resampling), np.float32)
    mean, std = np.array(PIXEL_MEAN, np.float32), np.array(PIXEL_STD, np.float32)
    return np.ascontiguousarray(((resized / np.float32(255) - mean) / std).transpose(2, 0, 1))
