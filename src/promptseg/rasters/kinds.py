"""Kinds of rasters, and which one a file is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError, MissingDependencyError
from .companions import check_companions
from .georeference import stated_georeference
from .geotiff import GdalReader
from .ome_zarr import ZarrReader
from .plain import open_plain
from .reader import Reader
from .tiff import TiffReader, is_of_a_scanner
from .upright import upright

KINDS: Mapping[str, Callable[[Path], Reader]] = {
    "gdal": GdalReader,
    "tiff": TiffReader,
    "ome-zarr": ZarrReader,
    "plain": open_plain,
}
"""For each kind of raster, what opens it. The kind is part of a raster's description, so that all processes read it alike."""

_WITH_COMPANIONS = ("gdal", "plain")
"""Kinds of rasters that rasterio reads with the files beside them."""

_IN_ROWS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""First bytes of JPEG and PNG, which are decoded from the first row on."""

_ZIP = b"PK\3\4"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def opened(path: Path) -> tuple[str, Reader]:
    """Return the kind of raster that a file or folder is, a key of `KINDS`, and its reader.

    Raises:
        InputError: It is not a raster, or is damaged.
        MissingDependencyError: A package that reads it is not installed.
    """
    kind = _kind_of(path)
    if kind in _WITH_COMPANIONS:
        check_companions(path, lambda mask: GdalReader(mask).close())
    try:
        reader = opened_as(kind, path)
    except InputError as error:
        if path.is_file() and _head(path).startswith(_ZIP):
            raise InputError(f"{path} is a ZIP archive: unpack it, and give the raster in it") from error
        if kind != "gdal" or not find_spec("tifffile") or not _head(path).startswith(_TIFF):
            raise
        with contextlib.suppress(InputError, MissingDependencyError):  # What GDAL says is told.
            return "tiff", opened_as("tiff", path)
        raise
    if kind in _WITH_COMPANIONS and reader.georeference is None:
        _check_world_file(reader, path)
    return kind, reader


def _check_world_file(reader: Reader, path: Path) -> None:
    """Check that no damaged world file lies beside a raster, about which GDAL says nothing. The raster is closed if one does."""
    try:
        stated_georeference(path, {})
    except BaseException:
        reader.close()
        raise


def opened_as(kind: str, path: Path) -> Reader:
    """Return the reader of a file or folder as a kind of `KINDS`, upright. The errors are those of `opened`."""
    return upright(KINDS[kind](path))


def _kind_of(path: Path) -> str:
    if path.is_dir():
        return "ome-zarr"
    if not path.is_file():  # To open a pipe would wait for who writes into it.
        raise InputError(f"{path} is neither a file nor a folder, such as a pipe or a device: give a raster file")
    head = _head(path)
    if not head:
        raise InputError(f"{path} is empty: get the file again")
    with_gdal, with_tifffile = find_spec("rasterio") is not None, find_spec("tifffile") is not None
    if head.startswith(_TIFF) and with_tifffile and (not with_gdal or is_of_a_scanner(path)):
        return "tiff"
    return "plain" if head.startswith(_IN_ROWS) or not with_gdal else "gdal"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise InputError(f"cannot read raster {path}: {error.strerror or error}") from error
