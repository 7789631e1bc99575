"""`open_plain`: JPEG, PNG and other images that must be decoded from their first row on.

Such an image is decoded once, row by row, into a file of its pixels, of which windows are mapped. The file is removed when the raster is
closed, or its process ends.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._install import install_extra
from ..errors import InputError, OutputError
from ..images import load_image
from .array import ArrayReader
from .georeference import read_georeference
from .geotiff import GdalReader
from .jpeg import bytes_of_coefficients
from .reader import Band, Reader
from .window import Window

MAX_PLAIN_PIXELS = 1 << 30
"""Maximum number of pixels of an image that must be decoded as a whole. Rasters in tiles have no such limit."""

_IN_MEMORY = 64 << 20
"""Bytes of pixels up to which no file is needed."""

_LARGEST_PROGRESSIVE = 500 << 20
"""Maximum bytes of the coefficients of a progressive JPEG. libjpeg takes no more, as GDAL opens it."""

_AT_ONCE = 16 << 20
"""Bytes that are decoded at once."""

_Pixels = tuple[Callable[[], NDArray[Any]], Callable[[], object]]
"""A function that returns decoded pixels, (H, W, bands), and one that removes them."""

_SPARE = 1 << 30
"""Bytes of the disk that are left free."""


def open_plain(path: Path) -> Reader:
    """Return the reader of an image that is not stored in tiles.

    Without rasterio, the image is decoded in memory, and has at most `promptseg.images.MAX_PIXELS` pixels.

    Raises:
        InputError: The image is damaged or too large, or the disk has no room for its pixels.
    """
    if not find_spec("rasterio"):
        return ArrayReader(_loaded(path), path.name, georeference=read_georeference(path))
    with contextlib.closing(GdalReader(path)) as source:
        height, width = source.size
        if height * width > MAX_PLAIN_PIXELS:
            raise InputError(
                f"{path} has {width} x {height} pixels, more than {MAX_PLAIN_PIXELS} for an image that must be decoded as a whole: "
                "store it in tiles first, such as by gdal_translate -of COG"
            )
        _check_memory(path)
        bands = _with_alpha(source)
        shape = (height, width, len(bands))
        if math.prod(shape) * source.dtype.itemsize <= _IN_MEMORY:
            mapped, close = _in_memory(source)
        else:
            mapped, close = _spooled(source, shape, path)
        return ArrayReader(
            mapped,
            path.name,
            bands=bands,
            bits=source.bits,
            georeference=source.georeference,
            orientation=source.orientation,
            close=close,
        )


def _check_memory(path: Path) -> None:
    needed = bytes_of_coefficients(path)
    if needed > _LARGEST_PROGRESSIVE:
        raise InputError(
            f"{path} is a progressive JPEG, which takes {needed >> 20} MB of memory until it is decoded, and at most "
            f"{_LARGEST_PROGRESSIVE >> 20} MB are used: make a baseline JPEG of it, such as by jpegtran -copy all, which loses nothing"
        )


def _loaded(path: Path) -> NDArray[np.uint8]:
    try:
        return load_image(path)
    except InputError as error:
        raise InputError(f"{error}. Larger images, and rasters of other formats, need rasterio: {install_extra('geo')}") from error


def _with_alpha(source: GdalReader) -> tuple[Band, ...]:
    """Return the bands of decoded pixels. Alpha is among them where the image has a mask or a color that stands for no data."""
    has_alpha = source.complete or any(band.color == "alpha" for band in source.bands)
    return source.bands if has_alpha else (*source.bands, Band("", "alpha"))


def _strips(source: GdalReader) -> Iterator[NDArray[Any]]:
    """Decode an image from its first row to its last, as its decoder must."""
    height, width = source.size
    bands = tuple(range(len(source.bands)))
    rows = max(1, _AT_ONCE // (width * (len(bands) + 1) * source.dtype.itemsize))
    for y in range(0, height, rows):
        window = Window(y, 0, min(rows, height - y), width)
        values, valid = source.read(window, window.size, bands)
        alpha = [valid[..., None].astype(values.dtype)] * (len(_with_alpha(source)) - len(bands))
        yield np.ascontiguousarray(np.concatenate([values, *alpha], axis=2))


def _in_memory(source: GdalReader) -> _Pixels:
    pixels = np.concatenate(list(_strips(source)))
    return (lambda: pixels), (lambda: None)


def _spooled(source: GdalReader, shape: tuple[int, int, int], path: Path) -> _Pixels:
    """Decode an image into a file, and return what maps its pixels and what removes it.

    They are mapped for each window anew: what stays mapped counts as memory of the process.
    """
    size, folder = math.prod(shape) * source.dtype.itemsize, tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size + _SPARE > free:
        raise InputError(
            f"the pixels of {path} take {size >> 20} MB of {folder}, which has {free >> 20} MB free: make room, name another folder in "
            "TMPDIR, or store the image in tiles first, such as by gdal_translate -of COG"
        )
    file = tempfile.TemporaryFile(prefix="promptseg-")  # noqa: SIM115 - It is closed with the raster.
    try:
        for strip in _strips(source):
            file.write(strip.data)
        file.flush()
    except OSError as error:
        file.close()
        raise OutputError(f"cannot write the pixels of {path} to {folder}: {error.strerror or error}") from error
    except BaseException:
        file.close()
        raise
    return lambda: np.memmap(file, source.dtype, "r", shape=shape), file.close
