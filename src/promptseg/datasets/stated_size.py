"""Sizes that annotations state for their image, compared with the size of the image file.

An annotation that was made on the image at another size, or before its EXIF orientation was applied, would land on the wrong pixels. Such
annotations are refused, or fitted to the image on request.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from ..errors import InputError
from ..image_formats import MAX_PIXELS, open_image
from ..masks import Mask, Size

Cause = Literal["orientation", "resized", "unknown"]
"""Why a stated size differs: the EXIF orientation, a resize of the whole image, or neither."""

_ORIENTATION = 0x0112
_TURNS = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientations that swap width and height, with the operation that makes the image upright."""


@dataclass(frozen=True)
class SizeMismatch:
    """Difference of a stated size from the size of the image file.

    Attributes:
        stated: ``(height, width)`` that the annotation states.
        actual: ``(height, width)`` of the image file, after its EXIF orientation is applied.
        cause: The cause that explains the difference.
        turn: Operation that makes the stored image upright, when the cause is the orientation.
    """

    stated: Size
    actual: Size
    cause: Cause
    turn: Image.Transpose | None = None

    def __str__(self) -> str:
        """Return the difference as text, with the way to read such annotations."""
        (height, width), (rows, columns) = self.actual, self.stated
        text = f"the image is {width} wide and {height} high, its annotation {columns} wide and {rows} high"
        if self.cause == "orientation":
            return f"{text}: it was made before the EXIF orientation was applied; read it with fit=True (--fit) to turn it"
        if self.cause == "resized":
            return f"{text}: it was made on the image at another size; read it with fit=True (--fit) to resize it"
        return f"{text}: it belongs to another image, or to a part of this one"

    def fit(self, mask: Mask) -> Mask:
        """Return a mask of the stated size turned or resized to the image.

        Raises:
            InputError: When the cause of the difference is unknown, or the mask is not of the stated size.
        """
        if mask.size != self.stated or self.cause == "unknown":
            raise InputError(str(self))
        if self.turn is None:
            return mask.resized(self.actual)
        upright = Mask.from_array(np.asarray(Image.fromarray(mask.array).transpose(self.turn)))
        return Mask(upright.size, upright.counts, mask.score, mask.label, from_box=mask.from_box)


def stated_size(height: object, width: object) -> Size | None:
    """Return the size that a file states by two numbers or texts, or None when they are no numbers of pixels. Some tools write 0."""
    rows, columns = _pixels(height), _pixels(width)
    return (rows, columns) if rows and columns else None


def _pixels(value: object) -> int:
    """Return a number of pixels, or 0 for what is none."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < _LONGEST:
        value = int(value)
    return int(value) if isinstance(value, (int, float)) and 1 <= value < _ABSURD else 0


_LONGEST = 20
_ABSURD = 1 << 31
"""Number of pixels that no side of an image has."""


def compare_size(path: Path, actual: Size, stated: Size) -> SizeMismatch | None:
    """Return how the stated size of an image differs from its actual size, or None when they agree.

    Args:
        path: The image file. It is opened only when the sizes differ.
        actual: ``(height, width)`` of the image after its EXIF orientation is applied.
        stated: ``(height, width)`` that the annotation states.
    """
    if stated == actual:
        return None
    if stated == actual[::-1] and (turn := _TURNS.get(_orientation(path))) is not None:
        return SizeMismatch(stated, actual, "orientation", turn)
    # A resize rounds each side to whole pixels, so proportions may differ by one pixel of the smaller size.
    (height, width), (rows, columns) = actual, stated
    slack = max(height, width, rows, columns)
    if min(rows, columns) > 0 and rows * columns <= MAX_PIXELS and abs(height * columns - width * rows) <= slack:
        return SizeMismatch(stated, actual, "resized")
    return SizeMismatch(stated, actual, "unknown")


def _orientation(path: Path) -> int:
    try:
        with open_image(path) as image:
            return int(image.getexif().get(_ORIENTATION, 1))
    except InputError:  # The size was read from this file, so its EXIF data is damaged.
        return 1
