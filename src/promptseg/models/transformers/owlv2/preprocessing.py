"""Preprocessing of images for OWLv2, as in transformers: padded to a square with black, blurred against aliasing, resized, normalized."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of CLIP, for red, green and blue in [0, 1]."""


def preprocess(pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return the model input for an image.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        side: Side of the model input in pixels.

    Returns:
        (3, side, side) float32. The image is in its upper left corner.
    """
    longer = max(pixels.shape[:2])
    sigma = (longer / side - 1) / 2
    blurred = 2 * int(np.ceil(3 * sigma)) + 1
    channels = np.empty((3, side, side), np.float32)
    for index, (mean, std) in enumerate(zip(PIXEL_MEAN, PIXEL_STD, strict=True)):
        square = np.zeros((longer, longer), np.float32)  # One channel at a time: the square of a long image is large.
        square[: pixels.shape[0], : pixels.shape[1]] = pixels[:, :, index]
        square *= np.float32(1 / 255)
        if sigma > 0:
            square = cv2.GaussianBlur(square, (blurred, blurred), sigma, borderType=cv2.BORDER_REFLECT_101)
        resized = cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR)
        channels[index] = (resized - np.float32(mean)) / np.float32(std)
    return channels
