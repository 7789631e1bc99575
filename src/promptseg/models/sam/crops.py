"""Overlapping crops of an image for everything mode, laid out as by ``generate_crop_boxes`` in segment-anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...masks import Size

EDGE_TOLERANCE = 20.0
"""Distance in pixels within which a box counts as cut by the edge of its crop."""


@dataclass(frozen=True)
class Crop:
    """A half-open rectangle of the image and its crop layer. Layer 0 is the whole image, layer i has 4**i crops."""

    x0: int
    y0: int
    x1: int
    y1: int
    layer: int

    @property
    def size(self) -> Size:
        """``(height, width)`` in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    def cuts(self, box: NDArray[np.float32], image_size: Size) -> bool:
        """Return whether a mask is likely cut by an edge of the crop that is not an edge of the image.

        Args:
            box: Tight box of the mask in image pixels, half-open.
            image_size: ``(height, width)`` of the image.
        """
        inclusive = box - np.array([0, 0, 1, 1], np.float32)
        crop = np.array([self.x0, self.y0, self.x1, self.y1])
        image = np.array([0, 0, image_size[1], image_size[0]])
        at_crop_edge = np.abs(inclusive - crop) <= EDGE_TOLERANCE
        at_image_edge = np.abs(inclusive - image) <= EDGE_TOLERANCE
        return bool((at_crop_edge & ~at_image_edge).any())


def crops(size: Size, layers: int, overlap_ratio: float) -> list[Crop]:
    """Return the whole image as a crop, then the crops of each further layer.

    Args:
        size: ``(height, width)`` of the image.
        layers: Number of layers besides the whole image.
        overlap_ratio: Overlap in the first of these layers, as a share of the image's shorter side. It shrinks with the crops.
    """
    height, width = size
    found = [Crop(0, 0, width, height, 0)]
    for layer in range(1, layers + 1):
        per_side = 2**layer
        overlap = int(overlap_ratio * min(size) * (2 / per_side))
        crop_width, crop_height = _crop_length(width, per_side, overlap), _crop_length(height, per_side, overlap)
        for column in range(per_side):
            for row in range(per_side):
                x0, y0 = (crop_width - overlap) * column, (crop_height - overlap) * row
                if x0 < width and y0 < height:  # A tiny image has fewer crops.
                    found.append(Crop(x0, y0, min(x0 + crop_width, width), min(y0 + crop_height, height), layer))
    return found


def _crop_length(length: int, per_side: int, overlap: int) -> int:
    return math.ceil((overlap * (per_side - 1) + length) / per_side)
