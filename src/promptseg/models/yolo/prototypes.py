"""Masks of ``-seg`` models: weighted sums of prototypes, upsampled to the size of the image and clipped to their boxes.

Prototypes have a quarter of the model input's resolution. The steps are those of ultralytics with ``retina_masks=True``, except that each
mask is upsampled only inside its box.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask
from ..bilinear import resized
from .letterbox import Letterbox


def masks_in_boxes(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], boxes: NDArray[np.float32], letterbox: Letterbox
) -> Iterator[Mask]:
    """Yield one mask per box, in the size of the image.

    Args:
        prototypes: (C, h, w) mask prototypes.
        coefficients: (N, C) mask coefficients.
        boxes: (N, 4) ``xyxy`` in pixels of the image.
        letterbox: Position of the image inside the model input.
    """
    channels, rows, columns = prototypes.shape
    sums = (coefficients @ prototypes.reshape(channels, -1)).reshape(-1, rows, columns)
    height, width = letterbox.size
    for logits, box in zip(sums, boxes, strict=True):
        # As in ultralytics, a pixel is inside a box if its index is, not its center.
        x0, y0, x1, y1 = np.clip(np.ceil(box), 0, [width, height, width, height]).astype(int).tolist()
        crop = resized(_content(logits, letterbox), letterbox.size, (y0, y1), (x0, x1))
        yield Mask.from_crop(crop > 0, (x0, y0), letterbox.size)


def _content(logits: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    """Return the logits of the resized image without its padding.

    If the padding is not a whole number of logits, the logits are first upsampled by the smallest factor that makes it one.
    """
    import cv2

    grid = letterbox.input_size[0] // logits.shape[0]
    padding = (letterbox.input_size[0] - letterbox.content[0]) | (letterbox.input_size[1] - letterbox.content[1])
    times = grid // gcd(grid, padding | padding // 2)
    if times > 1:
        size = (logits.shape[1] * times, logits.shape[0] * times)
        logits = np.asarray(cv2.resize(logits, size, interpolation=cv2.INTER_LINEAR), np.float32)
    top, left, height, width = (value * times // grid for value in (letterbox.top, letterbox.left, *letterbox.content))
    return logits[top : top + max(height, 1), left : left + max(width, 1)]
