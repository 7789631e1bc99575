"""Parts of an image by its masks: crops, which are rectangles, and cutouts, which are transparent outside of the mask."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ._checks import flag, whole_number
from .errors import InputError, shown
from .images import ImageLike, load_image
from .masks import Mask, Masks, Size


def cutout(image: ImageLike, mask: Mask, *, crop: bool = True, margin: int = 0) -> Image.Image:
    """Return the pixels of an image inside a mask, transparent outside. `promptseg.masks.Mask.cutout` documents it."""
    crop, margin = flag("crop", crop, InputError), _margin(margin)
    if not isinstance(mask, Mask):
        raise InputError(f"a mask is a Mask, got {shown(mask)}")
    pixels = _pixels(image, mask.size)
    if crop and not mask.area:
        raise InputError("the mask is empty: there is nothing to cut out. crop=False returns the whole image, transparent")
    return _cutout(pixels, mask, crop=crop, margin=margin)


def crops(image: ImageLike, masks: Masks, margin: int = 0) -> list[Image.Image | None]:
    """Return the part of an image in the box of each mask. `promptseg.results.Result.crops` documents it."""
    margin = _margin(margin)
    pixels = _pixels(image, masks.size)
    return [Image.fromarray(pixels[rows, columns]) if mask.area else None for mask, (rows, columns) in _windows(masks, margin)]


def cutouts(image: ImageLike, masks: Masks, *, crop: bool = True, margin: int = 0) -> list[Image.Image | None]:
    """Return the cutout of each mask. `promptseg.results.Result.cutouts` documents it."""
    crop, margin = flag("crop", crop, InputError), _margin(margin)
    pixels = _pixels(image, masks.size)
    return [_cutout(pixels, mask, crop=crop, margin=margin) if mask.area else None for mask in masks]


def _cutout(pixels: NDArray[np.uint8], mask: Mask, *, crop: bool, margin: int) -> Image.Image:
    rows, columns = _window(mask, margin) if crop else (slice(0, mask.size[0]), slice(0, mask.size[1]))
    inside, (x, y) = mask.crop()
    cut = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 4), np.uint8)
    top, left = y - rows.start, x - columns.start
    region = cut[top : top + inside.shape[0], left : left + inside.shape[1]]
    # Outside of the mask the colors are black: what a user cut away must not be in the file.
    region[..., :3] = np.where(inside[..., None], pixels[y : y + inside.shape[0], x : x + inside.shape[1]], 0)
    region[..., 3] = np.where(inside, 255, 0)
    return Image.fromarray(cut)


def _pixels(image: ImageLike, size: Size) -> NDArray[np.uint8]:
    pixels = load_image(image)
    if pixels.shape[:2] != size:
        raise InputError(f"masks of size {size} do not fit an image of size {pixels.shape[:2]}: both are (height, width)")
    return pixels


def _windows(masks: Masks, margin: int) -> Iterator[tuple[Mask, tuple[slice, slice]]]:
    return ((mask, _window(mask, margin)) for mask in masks)


def _window(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of a mask's box, widened by the margin up to the border of the image."""
    x0, y0, x1, y1 = mask.box.astype(int).tolist()
    height, width = mask.size
    return slice(max(0, y0 - margin), min(height, y1 + margin)), slice(max(0, x0 - margin), min(width, x1 + margin))


def _margin(margin: int) -> int:
    return whole_number("margin", margin, 0, InputError, unit="pixels")
