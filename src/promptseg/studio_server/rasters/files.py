"""Which images of a project are rasters, and how they are opened.

A raster is read by windows: it is shown by tiles, and a click asks the model about the part of it around the click. So is an image of more
pixels than fit into memory at once, a Zarr folder, a large TIFF that holds reduced copies of itself, a file whose samples or bands no image
has, and any TIFF or JPEG 2000 file once somebody says how rasters are shown. Any other is an image: words, examples and suggestions look at
all of it.
"""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import InputError, PromptSegError
from ...image_files import image_size
from ...image_formats import FORMATS, pages
from ...images import load_image
from ...masks import Size
from ...rasters.bands import checked_bands
from ...rasters.opening import open_raster, reopen_raster
from ...rasters.raster import Raster
from ...rasters.stretching import checked_percentiles
from ..file_stamps import FileValues
from ..pyramid import pyramid_of
from ..tiles import AnyPyramid
from .pyramid import COARSE, RasterPyramid

ZARR = ".zarr"
"""Suffix of the folder of an OME-Zarr."""

LARGE = 16 << 20
"""Number of pixels from which a TIFF with reduced copies of itself is a raster."""

USUAL_STRETCH = (2, 98)
"""Percentiles that become black and white where nobody says others."""

MOST_PIXELS = 1 << 30
"""Maximum number of pixels of a raster in the studio: the page counts the places of pixels in numbers of 31 bits."""


class RasterFiles:
    """The rasters among the images of a project. Threads may share it.

    Args:
        bands: Numbers of the bands to show as red, green and blue, from 1; None for those that a file says.
        stretch: Percentiles that become black and white, of samples of more than 8 bits; None for `USUAL_STRETCH`.

    Raises:
        ConfigError: They are not such numbers.
    """

    def __init__(self, bands: Sequence[int] | None = None, stretch: Sequence[float] | None = None) -> None:
        self._bands = None if bands is None else checked_bands(bands)
        self._stretch = checked_percentiles(USUAL_STRETCH if stretch is None else stretch)
        self._is_chosen = bands is not None or stretch is not None
        self._are_rasters: FileValues[bool] = FileValues(self._is_raster)
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
        if not self.has(path):
            return pyramid_of(load_image(path))
        raster = self.open(path)
        height, width = raster.size
        pyramid = RasterPyramid(raster)
        if height * width <= COARSE:
            try:
                pyramid.tile(0, 0, 0)  # It reads all of a small one: damage is told in the place of the image, not of its tiles.
            except BaseException:
                pyramid.close()
                raise
        return pyramid

    def why_unreadable(self, path: Path) -> str | None:
        """Return why a file cannot be opened as it is, or None. Of an image and a large raster, only the header is read."""
        try:
            if self.has(path):
                self.pyramid(path).close()
            else:
                image_size(path)
        except PromptSegError as error:
            return str(error)
        return None

    def size(self, path: Path) -> Size:
        """Return ``(height, width)`` of an image, upright, whether it is a raster or not. The errors are those of `open`."""
        return self._sizes.get(path)

    def _is_raster(self, path: Path) -> bool:
        if is_zarr(path) or (self._is_chosen and path.is_file() and _has_reader(path)):
            return True
        return _must_be_raster(path)

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
    return path.suffix.lower() in (ZARR, *_OF_RASTERS)


def is_zarr(path: Path) -> bool:
    """Return whether a path is the folder of an OME-Zarr, by its name."""
    return path.suffix.lower() == ZARR and path.is_dir()


def _must_be_raster(path: Path) -> bool:
    """Return whether a file is too large for an image, or only what reads rasters makes something of it."""
    reads = _has_reader(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What is wrong with it is told when it is opened.
            with Image.open(path) as image:
                if reads and image.format == "TIFF":
                    has_copies = _has_copies(path, image)  # It reads the directory of each page.
                    if has_copies and image.width * image.height >= LARGE:
                        return True
                mode = image.mode
    except Image.DecompressionBombError:
        return True
    except Exception:  # Such as of a TIFF of twelve bands, or of a truncated one.
        return reads and path.is_file()
    return reads and mode in _MODES_OF_NUMBERS and not _is_image(path)


def _is_image(path: Path) -> bool:
    """Return whether the samples of a file are those of an image. All of them are read: one that is negative or NaN makes it none."""
    try:
        load_image(path)
    except InputError:
        return False
    return True


def _has_copies(path: Path, image: Image.Image) -> bool:
    """Return whether there are reduced copies of an open TIFF, in the file or beside it."""
    return len(pages(image)) < int(getattr(image, "n_frames", 1)) or Path(f"{path}.ovr").is_file()


def _has_reader(path: Path) -> bool:
    """Return whether a file has a suffix of rasters, and a package is there that reads it by windows."""
    suffix = path.suffix.lower()
    readers = ("rasterio", "tifffile") if suffix in FORMATS["TIFF"] else ("rasterio",)
    return suffix in _OF_RASTERS and any(find_spec(name) is not None for name in readers)


_OF_RASTERS = (*FORMATS["TIFF"], *FORMATS["JPEG2000"])
"""Suffixes of files that are images as well as rasters."""

_MODES_OF_NUMBERS = ("F", "I")
"""Modes of Pillow whose samples may be negative: floats, and integers of 16 bits with a sign or of 32 bits."""
