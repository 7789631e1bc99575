"""`Reader`: the samples of a raster as its file has them, by windows, before any stretching. One for each kind of file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Size
from .georeference import Georeference
from .pixel_sizes import PixelSize
from .window import Window

LARGEST_PIECE = 1 << 30
"""Maximum bytes of a block, strip, tile or chunk of a file, for all of its bands. It is decoded as a whole, whatever is read of it."""

MOST_BANDS = 10_000
"""Maximum number of bands of a raster."""

Color = Literal["gray", "red", "green", "blue", "alpha"]


class Band(NamedTuple):
    """A band of a raster.

    Attributes:
        name: What the file calls it, or an empty string.
        color: What it shows, or None where the file does not say.
        white_is_low: Whether low samples are bright, as in TIFF files of the photometric interpretation WhiteIsZero.
        dtype: Type of its samples, or None where it is that of the raster.
    """

    name: str = ""
    color: Color | None = None
    white_is_low: bool = False
    dtype: np.dtype[Any] | None = None


class Samples(NamedTuple):
    """Samples of a window.

    Attributes:
        values: (height, width, bands), of the type of these bands. Without meaning where a pixel has no data.
        valid: Which pixels have data in one of these bands at least, (height, width) bool.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_]


class Reader(Protocol):
    """A file of samples. Several threads may read it at once.

    Attributes:
        name: Name for people, such as ``scene.tif``.
        size: ``(height, width)`` in pixels at full resolution.
        bands: The bands, alpha included.
        dtype: Type of the samples, unless a band has its own.
        bits: Number of bits of a sample that are used, such as 1 for a drawing in black and white.
        georeference: Where the raster lies in the world, or None.
        overviews: ``(height, width)`` of the reduced copies in the file, the largest first.
        complete: Whether every pixel is known to have data.
        pixel_size: Width and height of a pixel in micrometers, or None where the file does not say.
        orientation: How the pixels are stored, 1 to 8 as EXIF counts; 1 is upright. `promptseg.rasters.upright` turns the others.
    """

    name: str
    size: Size
    bands: tuple[Band, ...]
    dtype: np.dtype[Any]
    bits: int
    georeference: Georeference | None
    overviews: tuple[Size, ...]
    complete: bool
    pixel_size: PixelSize | None
    orientation: int

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster.

        Args:
            window: The window.
            size: ``(height, width)`` of the result, at most that of the window. A smaller one is an average.
            bands: Indices of the bands, from 0.

        Raises:
            InputError: The file cannot be read there.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def type_of(reader: Reader, bands: Iterable[int]) -> np.dtype[Any]:
    """Return the type in which samples of some bands are read: one that holds those of each.

    Args:
        reader: The raster.
        bands: Indices of the bands, from 0.
    """
    return np.result_type(*(reader.bands[band].dtype or reader.dtype for band in bands))


def several_pages(path: Path, count: int) -> InputError:
    """Return the error for a file of several images."""
    return InputError(f"{path} has {count} pages, and a raster has one: save the one that you mean as a file")
