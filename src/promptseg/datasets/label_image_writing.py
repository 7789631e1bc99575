"""Painting and writing of label images, in which each pixel has the number of one object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import Mask, Size
from .core import AnnotatedObject

VOID = 255
"""Value of pixels that are neither object nor background, in 8-bit label images."""


def paint(objects: Sequence[AnnotatedObject], size: Size) -> tuple[NDArray[np.uint16], list[tuple[AnnotatedObject, Mask]]]:
    """Paint objects into a label image, the smallest last, so that a small object on a larger one stays whole.

    Returns:
        (H, W) object numbers, from 1, with 0 for the background; and the objects with visible pixels, in the order of their numbers, each
        with the mask of its visible pixels.
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
    """Return the label image in 8 bits, with `VOID` in ignored regions outside of objects."""
    labels = numbers.astype(np.uint8)
    for mask in ignored:
        labels[mask.array & (numbers == 0)] = VOID
    return labels


def save_palette(labels: NDArray[np.uint8], path: Path) -> None:
    """Write a label image as PNG with the color palette of VOC and DAVIS."""
    image = Image.fromarray(labels)
    image.putpalette(voc_colors().tobytes())
    image.save(path)


def voc_colors() -> NDArray[np.uint8]:
    """Return the (256, 3) uint8 color palette of VOC.

    The bits of the index, from the lowest, go in turn to red, green and blue, where they are set from the highest bit down.
    """
    numbers = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            place = 3 * bit + channel
            if place < 8:
                colors[:, channel] |= ((numbers >> place & 1) << (7 - bit)).astype(np.uint8)
    return colors
