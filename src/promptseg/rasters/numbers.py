"""`open_numbers`: a raster whose samples are numbers of objects or classes, and no image."""

from __future__ import annotations

from pathlib import Path

from .._counting import number_of
from ..errors import InputError
from .geotiff import GdalReader
from .kinds import opened
from .reader import Reader
from .upright import upright


def open_numbers(path: Path) -> Reader:
    """Return the reader of a raster of one band of whole numbers. Colors that the file has for them are left aside.

    Args:
        path: The file. Whoever calls closes the reader.

    Raises:
        InputError: It is not a raster, is damaged, or has several bands or numbers that are not whole.
        MissingDependencyError: A package that reads it is not installed.
    """
    kind, reader = opened(path)
    if kind == "gdal":  # It shows indices of a palette as colors.
        reader.close()
        reader = upright(GdalReader(path, colored=False))
    try:
        _check(reader, path)
    except BaseException:
        reader.close()
        raise
    return reader


def _check(reader: Reader, path: Path) -> None:
    if sum(band.color != "alpha" for band in reader.bands) != 1:
        raise InputError(
            f"{path} has {number_of(len(reader.bands), 'band')}, and a label raster has one: "
            "take it out, such as by gdal_translate -b 1, if one of them has the labels"
        )
    if reader.dtype.kind not in "bui":
        raise InputError(
            f"{path} has samples of {reader.dtype}, and the labels of a label raster are whole numbers: "
            "convert it, such as by gdal_translate -ot UInt32, if they are"
        )
