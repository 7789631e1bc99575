"""Resizing of large images, strip by strip, to the same pixels as in one piece.

Pillow resizes an image along its rows first, each row by itself, and then along its columns. The first step is done here on strips of
rows, by several threads, so that the whole image is never copied into Pillow's own memory, which has four bytes for each pixel. Of an
image that is taller than wide, some versions of Pillow resize the columns first, so that one is resized in one piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from ...masks import Size
from ...runtime.host import usable_processors
from .parallel import in_parallel

LARGE = 4 << 20
"""Number of pixels from which an image is resized in strips."""

STRIP_PIXELS = 2 << 20
"""Number of pixels of a strip, about."""


def resized(image: NDArray[Any], size: Size, dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Return an image resized by Pillow's antialiased bilinear filter.

    Args:
        image: (H, W, 3), or (H, W) for float32.
        size: ``(height, width)`` of the result.
        dtype: Type of the samples in which it is resized, uint8 or float32, and of the result.
    """
    height, width = image.shape[:2]
    if height * width < LARGE or height > width:
        return _by_pillow(image, size, dtype)
    rows = max(1, STRIP_PIXELS // width)
    strips = [image[start : start + rows] for start in range(0, height, rows)]
    done = in_parallel(lambda strip: _by_pillow(strip, (len(strip), size[1]), dtype), strips, min(usable_processors(), len(strips)))
    return _by_pillow(np.concatenate(list(done)), size, dtype)


def _by_pillow(image: NDArray[Any], size: Size, dtype: DTypeLike) -> NDArray[Any]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(image, dtype)).resize((size[1], size[0]), Image.Resampling.BILINEAR))
