"""Resizing of large images, strip by strip, to the same pixels as in one piece.

Pillow resizes an image along its rows first, each row by itself, and then along its columns. The first step is done here on strips of
rows, by several threads, so that the whole image is never copied into Pillow's own memory, which has four bytes for each pixel. Of an
image that is taller than wide, some versions of Pillow resize the columns first, so that one is resized in one piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...masks import Size
from ...runtime.host import usable_processors
from .parallel import in_parallel

LARGE = 4 << 20
"""Number of pixels from which an image is resized in strips."""

STRIP_PIXELS = 2 << 20
"""Number of pixels of a strip, about."""


def resized(image: NDArray[Any], size: Size) -> NDArray[Any]:
    """Return an image resized by Pillow's antialiased bilinear filter.

    Args:
        image: (H, W, 3) uint8, or (H, W) float32.
        size: ``(height, width)`` of the result.
    """
    height, width = image.shape[:2]
    if height * width < LARGE or height > width:
        return _by_pillow(image, size)
    rows = max(1, STRIP_PIXELS // width)
    strips = [image[start : start + rows] for start in range(0, height, rows)]
    done = in_parallel(lambda strip: _by_pillow(strip, (len(strip), size[1])), strips, min(usable_processors(), len(strips)))
    return _by_pillow(np.concatenate(list(done)), size)


def _by_pillow(image: NDArray[Any], size: Size) -> NDArray[Any]:
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))
