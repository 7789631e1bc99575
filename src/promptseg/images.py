"""Image loading: a path, bytes, an open file, a PIL image or an array becomes an (H, W, 3) uint8 RGB array.

EXIF orientation is applied, gray and palette images become RGB, transparent pixels are laid on white, CMYK is converted, and 16-bit samples
are scaled to 8 bits by their full range.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import IO, Any, Union

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InputError

ImageLike = Union[str, "os.PathLike[str]", bytes, IO[bytes], Image.Image, NDArray[Any]]
"""Image in any form that `load_image` takes."""

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Lower-case suffixes of the files that count as images when a folder is read. A file that is named itself may have any suffix."""

MAX_PIXELS = 178_956_970
"""Maximum number of pixels. Larger images are refused as decompression bombs. Pillow has the same limit, twice its warning level."""


def load_image(source: ImageLike) -> NDArray[np.uint8]:
    """Read an image as an RGB array.

    Args:
        source: A path, the bytes of an image file, an open binary file, a PIL image, or an array: (H, W), (H, W, 1), (H, W, 3) RGB or
            (H, W, 4) RGBA, of uint8, uint16 or bool.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        InputError: The image is absent, unreadable, truncated, empty, of more than `MAX_PIXELS`, or of an unusable shape or dtype.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_pil(source, "the PIL image")
    if isinstance(source, bytes):
        return _from_file(io.BytesIO(source), f"image data of {len(source)} bytes")
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            with path.open("rb") as file:
                return _from_file(file, str(path))
        except OSError as error:
            raise InputError(f"cannot read image {path}: {error.strerror or error}") from error
        except ValueError as error:  # InputError is one, too; a path with a null byte is another.
            raise error if isinstance(error, InputError) else InputError(f"cannot read image {str(path)!r}: {error}") from error
    if hasattr(source, "read"):
        return _from_file(source, getattr(source, "name", None) or "the open file")
    raise InputError(f"an image is a path, bytes, an open file, a PIL image or an array, got {type(source).__name__}")


def load_image_copy(source: ImageLike) -> NDArray[np.uint8]:
    """Read an image into an array that shares no memory with its source.

    A session keeps such an array, so that later changes to the user's array do not affect it.

    Args:
        source: The image, in any form that `load_image` takes.

    Returns:
        (H, W, 3) uint8 RGB, which shares no memory with `source`.

    Raises:
        InputError: The image is absent, unreadable, truncated, empty, of more than `MAX_PIXELS`, or of an unusable shape or dtype.
    """
    pixels = load_image(source)
    return pixels.copy() if isinstance(source, np.ndarray) and np.may_share_memory(pixels, source) else pixels


def _from_file(file: IO[bytes], name: str) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            # The limit is ours, below: a warning between Pillow's level and ours would tell the user nothing to act on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return _from_pil(image, name)
    except UnidentifiedImageError as error:
        size = file.seek(0, os.SEEK_END) if file.seekable() else None
        raise InputError(
            f"{name} is empty" if size == 0 else f"{name} is not an image in a format that Pillow {PIL.__version__} reads"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} is larger than {MAX_PIXELS} pixels, the limit against decompression bombs: {error}") from error
    except (InputError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders have no common base: a damaged AVIF is a RuntimeError, a damaged BMP an OSError.
        raise InputError(f"{name} is truncated or corrupt: {error}") from error


def _from_pil(image: Image.Image, name: str) -> NDArray[np.uint8]:
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{name} has no pixels: it is {width} wide and {height} high")
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} has {width} x {height} pixels, more than {MAX_PIXELS}, the limit against decompression bombs")
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I;16", "I;16B", "I;16L", "I;16N"):
        return _from_array(np.asarray(upright).astype(np.uint16))
    if upright.mode in ("I", "F"):
        return _from_wide(np.asarray(upright), name)
    if upright.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.ascontiguousarray(Image.alpha_composite(white, rgba).convert("RGB"))
    return np.ascontiguousarray(upright.convert("RGB"))


def _from_wide(gray: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Convert an image of 32-bit samples whose values fit into 16 bits, or raise `InputError`.

    Pillow opens some 16-bit PNG files with 32-bit samples. Other 32-bit images have no known range to scale by.
    """
    if gray.dtype.kind == "i" and gray.min() >= 0 and gray.max() <= 65535:
        return _from_array(gray.astype(np.uint16))
    raise InputError(f"{name} has {gray.dtype} samples from {gray.min():g} to {gray.max():g}: scale them to uint8 (0…255) first")


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        hint = " (channels come last: transpose it)" if array.ndim == 3 and shape[0] in (1, 3, 4) else ""
        raise InputError(f"an image array has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {shape}{hint}")
    if array.size == 0:
        raise InputError(f"the image array has no pixels: its shape is {shape}")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise InputError(f"the image array has {shape[1]} x {shape[0]} pixels, more than {MAX_PIXELS}")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    elif array.dtype != np.uint8:
        hint = ": multiply an image in [0, 1] by 255 and convert it to uint8" if array.dtype.kind == "f" else ""
        raise InputError(f"an image array holds uint8 (or uint16 or bool) samples, got {array.dtype}{hint}")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] == 4:
        return _from_pil(Image.fromarray(np.ascontiguousarray(array)), "the image array")
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)
