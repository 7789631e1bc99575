"""`Letterbox`: a photo scaled into a model's frame with gray on two sides, and boxes back from the frame to the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...masks import Size

GRAY = 114
"""What YOLO models have seen beside the photos that they were trained on."""


@dataclass(frozen=True)
class Letterbox:
    """Where a photo lies in a frame.

    Attributes:
        size: ``(height, width)`` of the photo.
        content: ``(height, width)`` of the scaled photo.
        frame: ``(height, width)`` of the frame.
        top: Rows of gray above the scaled photo.
        left: Columns of gray beside it.
    """

    size: Size
    content: Size
    frame: Size
    top: int
    left: int

    @classmethod
    def fit(cls, size: Size, frame: Size, stride: int | None = None) -> Letterbox:
        """Scales a photo to a frame, in its middle.

        Args:
            size: ``(height, width)`` of the photo.
            frame: ``(height, width)`` of the frame.
            stride: Of the gray on either axis, whole multiples of it are left out, which makes the frame smaller; None keeps it all.
        """
        scale = min(frame[0] / size[0], frame[1] / size[1])
        height, width = (max(round(length * scale), 1) for length in size)
        rows, columns = frame[0] - height, frame[1] - width
        if stride is not None:
            rows, columns = rows % stride, columns % stride
        return cls(size, (height, width), (height + rows, width + columns), round(rows / 2 - 0.1), round(columns / 2 - 0.1))

    def draw(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame with the photo in it, (frame height, frame width, 3) uint8."""
        import cv2

        height, width = self.content
        if pixels.shape[:2] != self.content:
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        frame = np.full((*self.frame, 3), GRAY, np.uint8)
        frame[self.top : self.top + height, self.left : self.left + width] = pixels
        return frame

    def to_photo(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) ``xyxy`` of the frame as boxes of the photo, cut to it."""
        height, width = self.size
        scale = np.array([self.content[1] / width, self.content[0] / height] * 2, np.float32)
        moved = (boxes - np.array([self.left, self.top] * 2, np.float32)) / scale
        inside: NDArray[np.float32] = np.clip(moved, 0, np.array([width, height] * 2, np.float32))
        return inside
