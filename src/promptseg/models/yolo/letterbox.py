"""`Letterbox`: an image resized to a model's input size with gray padding, and boxes mapped back to the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...masks import Size

GRAY = 114
"""Gray value of the padding. YOLO models were trained with it."""


@dataclass(frozen=True)
class Letterbox:
    """Position of a resized image inside the model input.

    Attributes:
        size: ``(height, width)`` of the image.
        content: ``(height, width)`` of the resized image.
        input_size: ``(height, width)`` of the model input: the resized image and its padding.
        top: Rows of padding above the resized image.
        left: Columns of padding to the left of the resized image.
    """

    size: Size
    content: Size
    input_size: Size
    top: int
    left: int

    @classmethod
    def fit(cls, size: Size, input_size: Size, stride: int | None = None) -> Letterbox:
        """Return the letterbox that centers an image in an input size.

        Args:
            size: ``(height, width)`` of the image.
            input_size: ``(height, width)`` of the largest model input.
            stride: Stride of the model. On each axis the padding is reduced to its remainder modulo the stride, which makes the model
                input smaller. None: the model input has exactly `input_size`.
        """
        scale = min(input_size[0] / size[0], input_size[1] / size[1])
        height, width = (max(round(length * scale), 1) for length in size)
        rows, columns = input_size[0] - height, input_size[1] - width
        if stride is not None:
            rows, columns = rows % stride, columns % stride
        return cls(size, (height, width), (height + rows, width + columns), round(rows / 2 - 0.1), round(columns / 2 - 0.1))

    def draw(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the letterboxed image, ``(*input_size, 3)`` uint8.

        Args:
            pixels: The image, ``(*size, 3)`` uint8 RGB.
        """
        import cv2

        height, width = self.content
        if pixels.shape[:2] != self.content:
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        letterboxed = np.full((*self.input_size, 3), GRAY, np.uint8)
        letterboxed[self.top : self.top + height, self.left : self.left + width] = pixels
        return letterboxed

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes of the model input as boxes of the image, clipped to the image.

        Args:
            boxes: (N, 4) ``xyxy`` in pixels of the model input.
        """
        height, width = self.size
        scale = np.array([self.content[1] / width, self.content[0] / height] * 2, np.float32)
        moved = (boxes - np.array([self.left, self.top] * 2, np.float32)) / scale
        inside: NDArray[np.float32] = np.clip(moved, 0, np.array([width, height] * 2, np.float32))
        return inside
