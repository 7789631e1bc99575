"""Which images of a project are rasters, and how they are opened.

A raster is read by windows: it is shown by tiles, and a click asks the model about the part of it around the click. So is an image of more
pixels than fit into memory at once, a Zarr folder, and a large TIFF that holds reduced copies of itself. A small one is an image as any
other: words, examples and suggestions look at all of it.
"""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from ..image_files import image_size
from ..image_formats import FORMATS, pages
from ..images import load_image
from ..masks import Size
from ..rasters.bands import checked_bands
from ..rasters.opening import open_raster, reopen_raster
from ..rasters.raster import Raster
from ..rasters.stretching import checked_percentiles
from .file_stamps import FileValues
from .pyramid import pyramid_of
from .raster_pyramid import RasterPyramid
from .tiles import AnyPyramid

ZARR = ".zarr"
"""Suffix of the folder of an OME-Zarr."""

LARGE = 16 << 20
"""Number of pixels from which a TIFF with reduced copies of itself is a raster."""

MOST_PIXELS = 1 << 30
"""Maximum number of pixels of a raster in the studio: the page counts the places of pixels in numbers of 31 bits."""


class RasterFiles:
    """The rasters among the images of a project. Threads may share it.

    Args:
        bands: Numbers of the bands to show as red, green and blue, from 1; None for those that a file says.
        stretch: Percentiles that become black and white, of samples of more than 8 bits.

    Raises:
        ConfigError: They are not such numbers.
    """

    def __init__(self, bands: Sequence[int] | None = None, stretch: Sequence[float] = (2, 98)) -> None:
        self._bands = None if bands is None else checked_bands(bands)
        self._stretch = checked_percentiles(stretch)
        self._are_rasters: FileValues[bool] = FileValues(_is_raster)
        self._described: FileValues[Mapping[str, Any]] = FileValues(self._describe)
        self._sizes: FileValues[Size] = FileValues(self._read_size)

    def has(self, path: Path) -> bool:
        """Return whether a file is a raster. It need not be readable."""
        return self._are_rasters.get(path)

    def open(self, path: Path) -> Raster:
        """Open a raster. What its samples are stretched by is found once for each version of the file.

        Raises:
            InputError: It cannot be read, or has too many pixels.
            MissingDependencyError: A package that reads it is not installed.
        """
        return reopen_raster(self._described.get(path))

    def pyramid(self, path: Path) -> AnyPyramid:
        """Return an image, or a raster, in several sizes. The errors are those of `open`."""
        return RasterPyramid(self.open(path)) if self.has(path) else pyramid_of(load_image(path))

    def size(self, path: Path) -> Size:
        """Return ``(height, width)`` of an image, upright, whether it is a raster or not. The errors are those of `open`."""
        return self._sizes.get(path)

    def _describe(self, path: Path) -> Mapping[str, Any]:
        with open_raster(path, bands=self._bands, stretch=self._stretch) as raster:
            height, width = raster.size
            if height * width > MOST_PIXELS:
                raise InputError(
                    f"{path.name} has {width} x {height} pixels, and the studio shows at most {MOST_PIXELS}. Annotate it by a command, "
                    f"promptseg annotate {shlex.quote(path.name)} --tile 1024 --everything --out objects, or in Python by "
                    "promptseg.open_tiled; or cut out a part for the studio, as gdal_translate -srcwin does"
                )
            return raster.description

    def _read_size(self, path: Path) -> Size:
        if not self.has(path):
            return image_size(path)
        with self.open(path) as raster:
            return raster.size


def may_be_raster(path: Path) -> bool:
    """Return whether a file has a suffix of rasters. It is not looked into."""
    return path.suffix.lower() in (ZARR, *FORMATS["TIFF"])


def is_zarr(path: Path) -> bool:
    """Return whether a path is the folder of an OME-Zarr, by its name."""
    return path.suffix.lower() == ZARR and path.is_dir()


def _is_raster(path: Path) -> bool:
    if is_zarr(path):
        return True
    is_tiff = path.suffix.lower() in FORMATS["TIFF"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return is_tiff and image.width * image.height >= LARGE and _has_copies(path, image) and _has_reader()
    except Image.DecompressionBombError:
        return True
    except UnidentifiedImageError:  # Such as a TIFF of twelve bands.
        return is_tiff and _has_reader()
    except Exception:
        return False


def _has_copies(path: Path, image: Image.Image) -> bool:
    """Return whether there are reduced copies of an open TIFF, in the file or beside it."""
    return len(pages(image)) < int(getattr(image, "n_frames", 1)) or Path(f"{path}.ovr").is_file()


def _has_reader() -> bool:
    """Return whether a package is there that reads a TIFF by windows."""
    return any(find_spec(name) is not None for name in ("rasterio", "tifffile"))
