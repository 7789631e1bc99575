"""Masks of the ``-seg`` models: weighted sums of prototypes at a quarter of the frame, upsampled to the photo and cut to their boxes.

The steps are those of ultralytics with ``retina_masks=True``, but each mask is upsampled in its box alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask
from .letterbox import Letterbox


def masks_in_boxes(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], boxes: NDArray[np.float32], letterbox: Letterbox
) -> Iterator[Mask]:
    """One mask a box, of the photo's size.

    Args:
        prototypes: (C, h, w).
        coefficients: (N, C).
        boxes: (N, 4) ``xyxy`` in pixels of the photo.
        letterbox: Where the photo lies in the frame.
    """
    channels, rows, columns = prototypes.shape
    sums = (coefficients @ prototypes.reshape(channels, -1)).reshape(-1, rows, columns)
    height, width = letterbox.size
    for logits, box in zip(sums, boxes, strict=True):
        # A pixel belongs to a box that its number, and not its middle, lies in.
        x0, y0, x1, y1 = np.clip(np.ceil(box), 0, [width, height, width, height]).astype(int).tolist()
        crop = _bilinear(_content(logits, letterbox), letterbox.size, (y0, y1), (x0, x1))
        yield Mask.from_crop(crop > 0, (x0, y0), letterbox.size)


def _content(logits: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    """The part of the logits that shows the photo, upsampled just so far that its borders lie between two values."""
    import cv2

    grid = letterbox.frame[0] // logits.shape[0]
    padding = (letterbox.frame[0] - letterbox.content[0]) | (letterbox.frame[1] - letterbox.content[1])
    times = grid // gcd(grid, padding | padding // 2)
    if times > 1:
        size = (logits.shape[1] * times, logits.shape[0] * times)
        logits = np.asarray(cv2.resize(logits, size, interpolation=cv2.INTER_LINEAR), np.float32)
    top, left, height, width = (value * times // grid for value in (letterbox.top, letterbox.left, *letterbox.content))
    return logits[top : top + max(height, 1), left : left + max(width, 1)]


def _bilinear(values: NDArray[np.float32], size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float32]:
    """Rows and columns (half-open ranges) of the values resized to `size`."""
    low, high, weight = _neighbors(values.shape[0], size[0], *rows)
    down = values[low] * (1 - weight)[:, None] + values[high] * weight[:, None]
    low, high, weight = _neighbors(values.shape[1], size[1], *columns)
    return np.asarray(down[:, low] * (1 - weight) + down[:, high] * weight, np.float32)


def _neighbors(inputs: int, outputs: int, start: int, stop: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For outputs `start` to before `stop`: the two inputs beside each, and the second's weight."""
    half = np.float32(0.5)
    position = np.maximum((np.arange(start, stop, dtype=np.float32) + half) * np.float32(inputs / outputs) - half, np.float32(0))
    low = np.minimum(position.astype(np.intp), inputs - 1)
    return low, np.minimum(low + 1, inputs - 1), position - low.astype(np.float32)
