"""Image loading: a path, bytes, an open file, a PIL image or an array becomes an (H, W, 3) uint8 RGB array.

EXIF orientation is applied, gray and palette images become RGB, transparent pixels are laid on white, and CMYK is converted.

Samples of more than 8 bits are scaled by the range that the file states (``sBIT`` of PNG, ``BitsPerSample`` and ``SMaxSampleValue`` of
TIFF, the maximum of PGM). Where it states none, the range is the first of 0…1 (floats alone), 0…255, 0…1023, 0…4095, 0…16383 and 0…65535
that holds all samples. Samples that fill less than a quarter of it or reach beyond are stretched from their minimum to their maximum. An
`InputWarning` tells the range.
"""

from __future__ import annotations

import os
from typing import IO, Any, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from . import image_formats
from .errors import InputError
from .image_formats import FORMATS, check_single, check_size, open_image, pillow_errors
from .image_samples import Range, decode_color, file_bytes, holds, is_reduced, stated_range, to_uint8

ImageLike = Union[str, "os.PathLike[str]", bytes, IO[bytes], Image.Image, NDArray[Any]]
"""Image in any form that `load_image` takes."""

IMAGE_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""Lower-case suffixes of the files that count as images when a folder is read. A file that is named itself may have any suffix."""


def load_image(source: ImageLike) -> NDArray[np.uint8]:
    """Read an image as an RGB array.

    Args:
        source: A path, the bytes of an image file, an open binary file, a PIL image (the frame at which it is), or an array: (H, W),
            (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, of bool, integers or floats that are not negative.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        InputError: The image is absent, unreadable, truncated, empty, closed, of more than 178,956,970 pixels, of an
            unusable shape or dtype, or has negative samples, NaN or infinities; or the file has several pages or frames.

    Warns:
        InputWarning: The range of samples of more than 8 bits is not stated, and was chosen.
    """
    if isinstance(source, np.ndarray):
        return _from_array(np.asarray(source), "the image array")
    if isinstance(source, Image.Image):
        name = f"the PIL image {getattr(source, 'filename', '')}".rstrip()
        with pillow_errors(name, "is truncated, corrupt or closed"):
            check_size(source, name)
            return from_pil(source, name)
    if isinstance(source, (bytes, str, os.PathLike)) or hasattr(source, "read"):
        with open_image(source) as image:
            name = image_formats.name_of(source)
            check_single(image, name)
            return from_pil(image, name, once=isinstance(source, (str, os.PathLike)))
    raise InputError(
        f"an image is a path, bytes, an open file, a PIL image or an array, got {type(source).__name__}{_what_to_give(source)}"
    )


def _what_to_give(source: object) -> str:
    """Return what to do about a value that is not an image, for the end of a message."""
    if source is None:
        return ": a reader such as cv2.imread gives None for a file that it cannot read, so give its path"
    if isinstance(source, (list, tuple)):
        return ": give one image at a time, or all to Pipeline(…).build().run(images)"
    if hasattr(source, "detach"):
        return ": give a tensor as tensor.detach().permute(1, 2, 0).cpu().numpy()"
    if isinstance(getattr(source, "image", None), np.ndarray):
        return ": give its image, as .image"
    return ""


def load_image_copy(source: ImageLike) -> NDArray[np.uint8]:
    """Read an image into an array that shares no memory with its source.

    A session keeps such an array, so that later changes to the user's array do not affect it.

    Args:
        source: The image, in any form that `load_image` takes.

    Returns:
        (H, W, 3) uint8 RGB, which shares no memory with `source`.

    Raises:
        InputError: The image is absent, unreadable, truncated, empty, too large, or of an unusable shape or dtype, as in `load_image`.
    """
    pixels = load_image(source)
    return pixels.copy() if isinstance(source, np.ndarray) and np.may_share_memory(pixels, source) else pixels


def from_pil(image: Image.Image, name: str, limits: Range | None = None, *, once: bool = False) -> NDArray[np.uint8]:
    """Return the current frame of a PIL image of a checked size as an RGB array, as `load_image` does.

    Args:
        image: The image.
        name: Its name in messages.
        limits: Range of samples of more than 8 bits, where it is known and not to be taken from the image.
        once: Tell a range that was chosen once only for this name.
    """
    # Pillow drops the file and what it states when the pixels are loaded.
    limits, content = limits or stated_range(image), file_bytes(image) if is_reduced(image) else None
    stored, orientation = image.size, image.getexif().get(_ORIENTATION, 1)
    image.load()  # Which may change its mode.
    upright = ImageOps.exif_transpose(image) if orientation in _TURNED else image  # It would be copied.
    if upright.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        samples = np.asarray(upright)
        if limits and not holds(limits, samples):
            limits = _SIXTEEN_BITS if image.format == "PNG" else None  # The bits of sBIT may be the upper ones.
        return _from_array(samples.astype(np.uint16) if upright.mode.startswith("I;16") else samples, name, limits, once=once)
    if content is not None:
        high_bytes = np.asarray(upright.convert("RGB"))
        if int(high_bytes.max()) - int(high_bytes.min()) < 64:  # Less than a quarter of 16 bits: there may be more in the low bytes.
            color = decode_color(content, stored, orientation)
            if color is not None:
                return _from_array(color, name, limits if limits and holds(limits, color[..., :3]) else None, once=once)
    if upright.mode == "La":
        upright = upright.convert("LA")
    if upright.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return _pixels(Image.alpha_composite(white, rgba).convert("RGB"))
    return _pixels(upright if upright.mode == "RGB" else upright.convert("RGB"))


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an RGB image, (H, W, 3) uint8, in strips: Pillow makes bytes of them first, and joins these."""
    if image.width * image.height < _LARGE:
        return np.ascontiguousarray(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _LARGE // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    pixels.setflags(write=False)  # As those of a small image are.
    return pixels


def _from_array(array: NDArray[Any], name: str, limits: Range | None = None, *, once: bool = False) -> NDArray[np.uint8]:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        hint = " (channels come last: transpose it)" if array.ndim == 3 and shape[0] in (1, 3, 4) else ""
        hint = hint or (" (give one image at a time)" if array.ndim == 4 else "")
        raise InputError(f"an image array has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {shape}{hint}")
    if array.size == 0:
        raise InputError(f"{name} has no pixels: its shape is {shape}")
    if shape[0] * shape[1] > image_formats.MAX_PIXELS:
        raise InputError(f"{name} has {shape[1]} x {shape[0]} pixels, more than {image_formats.MAX_PIXELS}")
    pixels = to_uint8(array, name, limits, once=once)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] == 4:
        return from_pil(Image.fromarray(np.ascontiguousarray(pixels)), name)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels)


_LARGE = 4 << 20
"""Number of pixels of a strip in which pixels are taken from Pillow, and of the smallest image that has several."""

_TURNED = range(2, 9)
"""Orientations of images that are not upright as they are stored."""

_ORIENTATION = 0x0112
_SIXTEEN_BITS = (0, 65535)
