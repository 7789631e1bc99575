"""Preprocessing of images for Grounding DINO, and conversion of its boxes to pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...masks import Size

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet, for red, green and blue in [0, 1]."""

MIN_SIDE = 33
"""Minimum side of the model input in pixels. A narrower input has fewer than 900 feature positions, too few for the model's 900 queries."""


@dataclass(frozen=True)
class InputSize:
    """Rule for the size of the model input: a fixed shorter side, reduced if the longer side would exceed its maximum.

    Attributes:
        shorter: Shorter side in pixels.
        longest: Maximum of the longer side in pixels.
    """

    shorter: int = 800
    longest: int = 1333

    def of(self, size: Size) -> Size:
        """Return ``(height, width)`` of the model input for an image of `size`.

        Rule and rounding are those of the original code. Only images that are too narrow for it get `MIN_SIDE`.
        """
        low, high = min(size), max(size)
        side = self.shorter
        if high / low * side > self.longest:
            side = round(self.longest * low / high)
        side, other = (side, int(side * high / low)) if side >= MIN_SIDE else (MIN_SIDE, self.longest)
        return (side, other) if size[0] <= size[1] else (other, side)


def preprocess(pixels: NDArray[np.uint8], input_size: InputSize) -> NDArray[np.float32]:
    """Return the model input for an image.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        input_size: Rule for the size of the model input.

    Returns:
        (3, h, w) float32, resized bilinearly with Pillow as in the original code, and normalized.
    """
    height, width = input_size.of((pixels.shape[0], pixels.shape[1]))
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    mean, std = np.array(PIXEL_MEAN, np.float32), np.array(PIXEL_STD, np.float32)
    return np.ascontiguousarray(((resized / np.float32(255) - mean) / std).transpose(2, 0, 1))


def to_image(boxes: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return boxes of the model in pixels of the image.

    Args:
        boxes: (N, 4) ``cx, cy, w, h``, relative to the model input, in [0, 1].
        size: ``(height, width)`` of the image in pixels.

    Returns:
        (N, 4) float32 ``xyxy`` pixels, half-open, clipped to the image.
    """
    height, width = size
    extent = np.array([width, height], np.float32)
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([(center - half) * extent, (center + half) * extent], axis=1)
    clipped: NDArray[np.float32] = np.clip(corners, 0, np.tile(extent, 2)).astype(np.float32)
    return clipped
