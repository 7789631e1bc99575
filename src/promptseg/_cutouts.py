"""Parts of an image by its masks: crops, which are rectangles, and cutouts, which are transparent outside of the mask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ._checks import flag, whole_number
from .errors import InputError, shown
from .images import ImageLike, load_image
from .masks import Mask, Masks, Size
from .matting.foreground import foreground_colors
from .matting.guided import GuidedMatting
from .matting.protocol import Matting
from .matting.trimap import FOREGROUND, UNKNOWN, checked_band, make_trimap, usual_band

Softening = Union[Literal["guided"], Matting, None]
"""What makes the border of a cutout soft: a guided filter, a model, or nothing."""

_Window = tuple[slice, slice]


def cutout(
    image: ImageLike, mask: Mask, *, crop: bool = True, margin: int = 0, matting: Softening = None, band: int | None = None
) -> Image.Image:
    """Return the pixels of an image inside a mask, transparent outside. `promptseg.masks.Mask.cutout` documents it."""
    crop, margin, matting, band = _checked(crop, margin, matting, band)
    if not isinstance(mask, Mask):
        raise InputError(f"a mask is a Mask, got {shown(mask)}")
    pixels = _pixels(image, mask.size)
    if crop and not mask.area:
        raise InputError("the mask is empty: there is nothing to cut out. crop=False returns the whole image, transparent")
    return _cutout(pixels, mask, crop, margin, matting, band)


def crops(image: ImageLike, masks: Masks, margin: int = 0) -> list[Image.Image | None]:
    """Return the part of an image in the box of each mask. `promptseg.results.Result.crops` documents it."""
    margin = _margin(margin)
    pixels = _pixels(image, masks.size)
    return [Image.fromarray(pixels[rows, columns]) if mask.area else None for mask, (rows, columns) in _windows(masks, margin)]


def cutouts(
    image: ImageLike, masks: Masks, *, crop: bool = True, margin: int = 0, matting: Softening = None, band: int | None = None
) -> list[Image.Image | None]:
    """Return the cutout of each mask. `promptseg.results.Result.cutouts` documents it."""
    crop, margin, matting, band = _checked(crop, margin, matting, band)
    pixels = _pixels(image, masks.size)
    return [_cutout(pixels, mask, crop, margin, matting, band) if mask.area else None for mask in masks]


def _cutout(pixels: NDArray[np.uint8], mask: Mask, crop: bool, margin: int, matting: Softening, band: int | None) -> Image.Image:
    """Return a cutout of checked arguments."""
    if matting is None or not mask.area:
        window = _window(mask, 0)
        alpha, colors = np.where(mask.crop()[0], np.uint8(255), np.uint8(0)), pixels[window]
    else:
        band = usual_band(mask) if band is None else band
        window = _window(mask, 2 * band)  # The guided filter sees as far beyond the mask, and a model sees what is around the object.
        alpha, colors = _soft(pixels[window], _inside(mask, window), matting, band)
    # What a user cut away must not be in the file: where nothing is seen, the colors are black.
    cut = Image.fromarray(np.dstack([np.where(alpha[..., None] > 0, colors, 0), alpha]).astype(np.uint8))
    frame = _widened(_seen(alpha, window), margin, mask.size) if crop else (slice(0, mask.size[0]), slice(0, mask.size[1]))
    top, left = window[0].start, window[1].start
    # Pillow fills what lies outside of the window with transparent black.
    return cut.crop((frame[1].start - left, frame[0].start - top, frame[1].stop - left, frame[0].stop - top))


def _soft(
    pixels: NDArray[np.uint8], inside: NDArray[np.bool_], matting: Softening, band: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the alpha and the colors of an object with a soft border, both uint8."""
    trimap = make_trimap(inside, band)
    model = GuidedMatting(max(1, band // 2)) if matting == "guided" or matting is None else matting
    found = model.alpha(pixels, inside, trimap)
    if not isinstance(found, np.ndarray) or found.shape != inside.shape or not np.isfinite(found).all():
        raise InputError(f"matting returns finite numbers for {inside.shape[0]} x {inside.shape[1]} pixels, got {shown(found)}")
    known = np.where(trimap == FOREGROUND, np.float32(1), np.float32(0))
    alpha = np.where(trimap == UNKNOWN, np.clip(found, 0, 1), known).astype(np.float32)
    levels = np.round(alpha * 255).astype(np.uint8)
    return levels, foreground_colors(pixels, levels.astype(np.float32) / np.float32(255))


def _inside(mask: Mask, window: _Window) -> NDArray[np.bool_]:
    """Return the mask in a window that its box lies within."""
    own, (x, y) = mask.crop()
    inside = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), bool)
    top, left = y - window[0].start, x - window[1].start
    inside[top : top + own.shape[0], left : left + own.shape[1]] = own
    return inside


def _seen(alpha: NDArray[np.uint8], window: _Window) -> _Window:
    """Return the rows and columns in the image of what is not transparent in a window."""
    if not alpha.any():
        return window
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    (top, bottom), (left, right) = ((int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
    return slice(window[0].start + top, window[0].start + bottom), slice(window[1].start + left, window[1].start + right)


def _pixels(image: ImageLike, size: Size) -> NDArray[np.uint8]:
    pixels = load_image(image)
    if pixels.shape[:2] != size:
        raise InputError(f"masks of size {size} do not fit an image of size {pixels.shape[:2]}: both are (height, width)")
    return pixels


def _windows(masks: Masks, margin: int) -> Iterator[tuple[Mask, _Window]]:
    return ((mask, _window(mask, margin)) for mask in masks)


def _window(mask: Mask, margin: int) -> _Window:
    """Return the rows and columns of a mask's box, widened by the margin up to the border of the image."""
    x0, y0, x1, y1 = mask.box.astype(int).tolist()
    return _widened((slice(y0, y1), slice(x0, x1)), margin, mask.size)


def _widened(window: _Window, margin: int, size: Size) -> _Window:
    rows, columns = (slice(max(0, each.start - margin), min(length, each.stop + margin)) for each, length in zip(window, size, strict=True))
    return rows, columns


def _checked(crop: bool, margin: int, matting: Softening, band: int | None) -> tuple[bool, int, Softening, int | None]:
    crop, margin = flag("crop", crop, InputError), _margin(margin)
    named = matting is None or (isinstance(matting, str) and matting == "guided")
    if not named and (isinstance(matting, type) or not isinstance(matting, Matting)):
        raise InputError(f"matting is 'guided', a model with a method alpha, or None for a hard border, got {shown(matting)}")
    if band is not None:
        if matting is None:
            raise InputError(f"band is for matting, and there is none: give matting='guided', or leave out band={shown(band)}")
        band = checked_band(band)
    return crop, margin, matting, band


def _margin(margin: int) -> int:
    return whole_number("margin", margin, 0, InputError, unit="pixels")
