"""Preprocessing of images for Grounding DINO."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...masks import Size
from ..pixels import normalized

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
    return normalized(pixels, input_size.of((pixels.shape[0], pixels.shape[1])), Image.Resampling.BILINEAR)
