"""Images and prompts for the contract tests."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...images import ImageLike
from ...masks import Mask, Size
from ...prompts import Prompt, PromptKind, SpatialPrompt

OBJECTS = ((14, 18, 46, 52), (62, 12, 90, 40))
"""``xyxy`` boxes of the two rectangles in `scene`."""

SPATIAL: tuple[PromptKind, ...] = ("point", "box", "mask")


def scene() -> NDArray[np.uint8]:
    """Return a (72, 100, 3) uint8 image with a light and a red rectangle (`OBJECTS`) on a dark background, with a little noise."""
    image = np.full((72, 100, 3), (40, 60, 50), np.int16)
    for (x0, y0, x1, y1), color in zip(OBJECTS, ((225, 220, 205), (205, 50, 40)), strict=True):
        image[y0:y1, x0:x1] = color
    image += np.random.default_rng(0).integers(-8, 9, image.shape, dtype=np.int16)
    return image.astype(np.uint8)


def murky_scene() -> NDArray[np.uint8]:
    """Return the scene with low contrast and strong color blocks. On it, methods with unseeded random numbers give varying results."""
    patches = np.random.default_rng(2).integers(-110, 111, (9, 13, 3)).repeat(8, axis=0).repeat(8, axis=1)[:, :100]
    murky: NDArray[np.uint8] = np.clip(scene() // 2 + 60 + patches, 0, 255).astype(np.uint8)
    return murky


def prompt_for(kind: PromptKind, which: int = 0) -> SpatialPrompt:
    """Return a prompt of one spatial kind for one of the objects in `scene`."""
    x0, y0, x1, y1 = OBJECTS[which]
    if kind == "point":
        return Prompt.point((x0 + x1) / 2, (y0 + y1) / 2)
    if kind == "box":
        return Prompt.box(x0 - 2, y0 - 2, x1 + 2, y1 + 2)
    pixels = np.zeros((72, 100), bool)
    pixels[y0:y1, x0:x1] = True
    return Prompt.mask(pixels)


def prompt_on(kind: PromptKind, size: Size) -> SpatialPrompt:
    """Return a prompt of one spatial kind for the center of an image of any size."""
    height, width = size
    x0, y0 = width // 4, height // 4
    x1, y1 = max(x0 + 1, width - x0), max(y0 + 1, height - y0)
    if kind == "point":
        return Prompt.point((width - 1) / 2, (height - 1) / 2)
    if kind == "box":
        return Prompt.box(x0, y0, x1, y1)
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return Prompt.mask(pixels)


def image_forms(pixels: NDArray[np.uint8], folder: Path) -> Iterator[ImageLike]:
    """Yield one image as a path, a string, bytes, an open file, a PIL image and an array."""
    image = Image.fromarray(pixels)
    path = folder / "scene.png"
    image.save(path)
    yield from (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), image, pixels)


def turned_by_exif(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG file with an EXIF orientation of 90 degrees, as cameras write it."""
    image, file = Image.fromarray(pixels), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, "PNG", exif=exif)
    return file.getvalue()


def lies_on_object(mask: Mask, which: int) -> bool:
    """Return whether more than half of a mask lies on an object of `scene`, with a margin of 4 pixels."""
    x0, y0, x1, y1 = OBJECTS[which]
    return bool(mask.area and mask.array[y0 - 4 : y1 + 4, x0 - 4 : x1 + 4].sum() > mask.area / 2)
