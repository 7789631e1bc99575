"""Objects painted into one picture of numbers, for formats in which a pixel belongs to one object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import Mask, Size
from .core import AnnotatedObject

VOID = 255
"""The number, in 8 bits, of pixels that are neither object nor background."""


def paint(objects: Sequence[AnnotatedObject], size: Size) -> tuple[NDArray[np.uint16], list[tuple[AnnotatedObject, Mask]]]:
    """Numbers the objects from 1 and paints them, the smallest last, so that what lies on a larger object stays whole.

    Returns:
        (H, W) numbers, 0 for the background; and the objects of which something is to be seen, in the order of their numbers, with that.
    """
    numbers = np.zeros(size, np.uint16)
    for index in sorted(range(len(objects)), key=lambda index: -objects[index].mask.area):
        numbers[objects[index].mask.array] = index + 1
    seen, renumbered = [], np.zeros(len(objects) + 1, np.uint16)
    for index, each in enumerate(objects):
        left, top, right, bottom = each.mask.box.astype(int).tolist()
        visible = numbers[top:bottom, left:right] == index + 1
        if visible.any():
            seen.append((each, Mask.from_crop(visible, (left, top), size)))
            renumbered[index + 1] = len(seen)
    return renumbered[numbers], seen


def with_void(numbers: NDArray[np.uint16], ignored: Sequence[Mask]) -> NDArray[np.uint8]:
    """The numbers in 8 bits, with `VOID` where an ignored region is and no object."""
    picture = numbers.astype(np.uint8)
    for mask in ignored:
        picture[mask.array & (numbers == 0)] = VOID
    return picture


def save_palette(picture: NDArray[np.uint8], path: Path) -> None:
    """Writes a PNG whose numbers are indices of the colors of VOC and DAVIS."""
    image = Image.fromarray(picture)
    image.putpalette(voc_colors().tobytes())
    image.save(path)


def voc_colors() -> NDArray[np.uint8]:
    """(256, 3) the colors of VOC: the bits of the number dealt in turn to red, green and blue, from the highest bit down."""
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            place = 3 * bit + channel
            if place < 8:
                colors[:, channel] |= ((numbers >> place & 1) << (7 - bit)).astype(np.uint8)
    return colors
