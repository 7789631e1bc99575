"""From a photo to the frame that Grounding DINO sees, and from its boxes back to the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...masks import Size

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)
"""Of ImageNet, for red, green and blue in [0, 1]."""

LEAST_SIDE = 33
"""A frame that is more narrow than this has fewer than 900 places to look at, which the model cannot choose its boxes from."""


@dataclass(frozen=True)
class FrameSize:
    """How large a frame is: the shorter side as asked for, unless the longer would then be too long.

    Attributes:
        shorter: Pixels of the shorter side.
        longest: Most pixels of the longer side.
    """

    shorter: int = 800
    longest: int = 1333

    def of(self, size: Size) -> Size:
        """``(height, width)`` of the frame for a photo of `size`: upstream's rule, rounding included, where upstream has an answer."""
        low, high = min(size), max(size)
        side = self.shorter
        if high / low * side > self.longest:
            side = round(self.longest * low / high)
        side, other = (side, int(side * high / low)) if side >= LEAST_SIDE else (LEAST_SIDE, self.longest)
        return (side, other) if size[0] <= size[1] else (other, side)


def frame(pixels: NDArray[np.uint8], size: FrameSize) -> NDArray[np.float32]:
    """The frame of a photo.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        size: How large the frame is.

    Returns:
        (3, h, w) float32, scaled as upstream scales (bilinear with Pillow) and normalized.
    """
    height, width = size.of((pixels.shape[0], pixels.shape[1]))
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    mean, std = np.array(PIXEL_MEAN, np.float32), np.array(PIXEL_STD, np.float32)
    return np.ascontiguousarray(((resized / np.float32(255) - mean) / std).transpose(2, 0, 1))


def to_photo(boxes: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """The model's boxes on the photo.

    Args:
        boxes: (N, 4) center x, center y, width, height as shares of the frame.
        size: ``(height, width)`` of the photo in pixels.

    Returns:
        (N, 4) float32 ``xyxy`` pixels, half-open, cut to the photo.
    """
    height, width = size
    extent = np.array([width, height], np.float32)
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([(center - half) * extent, (center + half) * extent], axis=1)
    cut: NDArray[np.float32] = np.clip(corners, 0, np.tile(extent, 2)).astype(np.float32)
    return cut
