"""`UprightReader`: a raster whose file stores its pixels turned or mirrored, as `promptseg.load_image` shows it: upright.

Where it lies in the world does not change. Its map from pixels to the world is that of the file, after the map from upright to stored
pixels.
"""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..image_formats import open_image
from ..masks import Size
from .georeference import Georeference
from .reader import Reader, Samples
from .window import Window

_ORIENTATION = 0x0112
_TURNED, _UPSIDE_DOWN, _MIRRORED = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)
_Side = TypeVar("_Side", int, float)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class UprightReader:
    """A raster, upright.

    Args:
        reader: The raster as it is stored.
    """

    orientation = 1

    def __init__(self, reader: Reader) -> None:
        self._reader, self._stored_as = reader, reader.orientation
        self.name, self.bands, self.dtype, self.bits, self.complete = (
            reader.name,
            reader.bands,
            reader.dtype,
            reader.bits,
            reader.complete,
        )
        self.size: Size = self._turned(reader.size)
        self.overviews: tuple[Size, ...] = tuple(map(self._turned, reader.overviews))
        self.georeference = self._placed(reader.georeference)
        self.pixel_size = self._turned(reader.pixel_size) if reader.pixel_size is not None else None

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster, see `Reader.read`."""
        values, valid = self._reader.read(self._stored(window), self._turned(size), bands)
        return Samples(self._upright(values), self._upright(valid))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _turned(self, size: tuple[_Side, _Side]) -> tuple[_Side, _Side]:
        return (size[1], size[0]) if self._stored_as in _TURNED else size

    def _stored(self, window: Window) -> Window:
        """Return where the pixels of a window are stored."""
        height, width = self.size
        y = height - window.bottom if self._stored_as in _UPSIDE_DOWN else window.y
        x = width - window.right if self._stored_as in _MIRRORED else window.x
        return Window(x, y, window.width, window.height) if self._stored_as in _TURNED else Window(y, x, window.height, window.width)

    def _upright(self, stored: NDArray[Any]) -> NDArray[Any]:
        turned = stored.swapaxes(0, 1) if self._stored_as in _TURNED else stored
        upright = turned[:: -1 if self._stored_as in _UPSIDE_DOWN else 1, :: -1 if self._stored_as in _MIRRORED else 1]
        return np.ascontiguousarray(upright)

    def _placed(self, georeference: Georeference | None) -> Georeference | None:
        """Return where the upright pixels lie in the world."""
        if georeference is None:
            return None
        a, b, c, d, e, f = georeference.matrix
        if self._stored_as in _TURNED:  # The columns of the file are rows.
            a, b, d, e = b, a, e, d
        height, width = self.size
        if self._stored_as in _UPSIDE_DOWN:
            b, c, e, f = -b, c + b * height, -e, f + e * height
        if self._stored_as in _MIRRORED:
            a, c, d, f = -a, c + a * width, -d, f + d * width
        return Georeference((a, b, c, d, e, f), georeference.epsg, georeference.wkt)


def upright(reader: Reader) -> Reader:
    """Return a reader of upright pixels."""
    return reader if reader.orientation == 1 else UprightReader(reader)


def as_orientation(value: object) -> int:
    """Return what a file states as its orientation, 1 to 8; 1 for anything else."""
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def stated_orientation(path: Path, of_gdal: str | None) -> int:
    """Return the orientation that a file states in the tags of TIFF or EXIF, 1 to 8.

    Args:
        path: The file.
        of_gdal: What GDAL found in EXIF, or None. Of a TIFF it tells nothing.
    """
    if of_gdal is not None:
        return as_orientation(int(of_gdal)) if of_gdal.isdecimal() else 1
    with path.open("rb") as file:
        is_tiff = file.read(4) in _TIFF
    if is_tiff and find_spec("tifffile") is not None:
        return _of_tiff(path)
    with contextlib.suppress(InputError), open_image(path) as image:  # It may be of a kind that Pillow does not read.
        return as_orientation(image.getexif().get(_ORIENTATION, 1))
    return 1


def _of_tiff(path: Path) -> int:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags.get(_ORIENTATION)
            return as_orientation(tag.value if tag is not None else 1)
    except Exception:  # tifffile raises errors of many kinds. GDAL reads the file, and tells what is wrong with it.
        return 1
