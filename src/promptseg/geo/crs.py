"""Coordinate reference systems (CRS): their names in files, whether they measure lengths, and whether two are the same.

The database of the systems is PROJ's, which rasterio brings. Nothing here reprojects.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, shown
from ..rasters.georeference import Georeference
from ..rasters.packages import geo_package
from ..rasters.pixel_sizes import PixelSize
from ..rasters.raster import Raster

WGS84 = 4326
"""EPSG code of longitude and latitude, the system of a GeoJSON file that names none (RFC 7946)."""


def system_of(georeference: Georeference | None) -> Any | None:
    """Return the CRS of a georeference as ``rasterio.crs.CRS``, or None when it names none.

    Raises:
        InputError: PROJ does not know its EPSG code, or cannot read its WKT.
        MissingDependencyError: rasterio is not installed.
    """
    if georeference is None or (georeference.epsg is None and georeference.wkt is None):
        return None
    return parsed(f"EPSG:{georeference.epsg}" if georeference.epsg is not None else str(georeference.wkt))


def check_place(georeference: Georeference | None) -> None:
    """Check that coordinates can be written: that the map of a georeference can be inverted, and that its CRS is known.

    Raises:
        InputError: One is not so.
        MissingDependencyError: rasterio is not installed.
    """
    if georeference is not None and not georeference.is_invertible:
        raise InputError(f"the georeference is not valid: its matrix {georeference.matrix} cannot be inverted")
    system_of(georeference)


def parsed(text: str) -> Any:
    """Return a CRS, given as ``EPSG:25832``, ``OGC:CRS84``, WKT or PROJJSON, as ``rasterio.crs.CRS``.

    Raises:
        InputError: PROJ cannot read it.
        MissingDependencyError: rasterio is not installed.
    """
    crs = geo_package("rasterio.crs", "a coordinate reference system")
    try:
        return crs.CRS.from_user_input(text)
    except Exception as error:  # rasterio's CRSError, and what GDAL raises below it.
        raise InputError(f"the coordinate reference system {shown(text)} cannot be read: {error}") from error


@dataclass(frozen=True)
class AreaUnit:
    """Unit of the areas of objects.

    Attributes:
        name: Name of the attribute that has them: ``area`` in square units of the CRS, ``area_um2`` in square micrometers.
        pixel: Area of a pixel.
    """

    name: str
    pixel: float


def area_unit(georeference: Georeference | None, pixel_size: PixelSize | None) -> AreaUnit | None:
    """Return the unit of the areas of objects, or None when nothing measures lengths, as longitude and latitude do not.

    Args:
        georeference: Where the raster lies, or None.
        pixel_size: Width and height of a pixel in micrometers, or None. It counts for a raster without a georeference.
    """
    if georeference is None:
        return None if pixel_size is None else AreaUnit("area_um2", pixel_size[0] * pixel_size[1])
    system = system_of(georeference)
    if system is None or not system.is_projected:
        return None
    a, b, _, d, e, _ = georeference.matrix
    return AreaUnit("area", abs(a * e - b * d))


def full_turn(georeference: Georeference | None) -> float | None:
    """Return by how much two longitudes of one place may differ, 360 in degrees; None for a CRS that is not of longitude and latitude."""
    system = system_of(georeference)
    return 2 * math.pi / system.units_factor[1] if system is not None and system.is_geographic else None


def text_of(georeference: Georeference) -> str | None:
    """Return the CRS of a georeference as GDAL takes it: ``EPSG:25832`` or WKT; None when it names none."""
    return f"EPSG:{georeference.epsg}" if georeference.epsg is not None else georeference.wkt


def projjson(georeference: Georeference | None) -> dict[str, Any] | None:
    """Return the CRS of a georeference as PROJJSON, or None when it names none."""
    system = system_of(georeference)
    if system is None:
        return None
    values = system.to_dict(projjson=True)
    return json.loads(values) if isinstance(values, str) else dict(values)


def name_of(system: Any) -> str:
    """Return a CRS for a message, such as ``EPSG:25832 (ETRS89 / UTM zone 32N)``."""
    code, name = system.to_epsg(), system.to_wkt().partition('"')[2].partition('"')[0] or "a system without a name"
    return f"EPSG:{code} ({name})" if code else name


def check_same_system(given: str | None, georeference: Georeference | None, file: object, raster: str) -> None:
    """Check that a file of vectors is in the CRS of a raster. Where the raster names none, its coordinates are taken as they are.

    Args:
        given: The CRS of the file as text, or None when it names none.
        georeference: That of the raster.
        file: The file, for the message.
        raster: Name of the raster, for the message.

    Raises:
        InputError: They are not the same, or one has a CRS and the other has none. The message names both, and the command that helps.
        MissingDependencyError: rasterio is not installed.
    """
    own = system_of(georeference)
    theirs = None if given is None or _UNKNOWN in given else parsed(given)
    if georeference is None and theirs is not None:
        raise InputError(
            f"{file} is in {name_of(theirs)}, and {raster} has no georeference, so coordinates are its pixels: "
            "give the raster its georeference (gdal_edit.py -a_srs … -a_ullr …), or vectors in pixels, as GeoJSON without a crs"
        )
    if own is None:
        return
    if theirs is None:
        raise InputError(
            f"{file} names no coordinate reference system, and {raster} is in {name_of(own)}. If they are the same, say so in a copy: "
            f"{_copy('-a_srs', own, raster, file)}"
        )
    if not _same(own, theirs):
        raise InputError(
            f"{file} is in {name_of(theirs)}, and {raster} in {name_of(own)}: nothing is reprojected silently. "
            f"Make a copy in the system of the raster: {_copy('-t_srs', own, raster, file)}"
        )


def check_degrees(at: tuple[float, float], georeference: Georeference | None, file: object, raster: str) -> None:
    """Check that a GeoJSON file that states no CRS may be in longitude and latitude, where the raster is in another CRS.

    Args:
        at: Coordinates in the file.
        georeference: That of the raster.
        file: The file, for the message.
        raster: Name of the raster, for the message.

    Raises:
        InputError: The coordinates are not a longitude and latitude. The message has the command that says in which CRS they are.
        MissingDependencyError: rasterio is not installed.
    """
    own, (x, y) = system_of(georeference), at
    if own is None or (abs(x) <= _MAX_LONGITUDE and abs(y) <= _MAX_LATITUDE) or _same(own, parsed(f"EPSG:{WGS84}")):
        return
    raise InputError(
        f"{file} states no coordinate reference system, which for GeoJSON means degrees, and its coordinates are none, such as "
        f"({x:.10g}, {y:.10g}). If they are in that of {raster}, {name_of(own)}, say so in a copy: {_copy('-a_srs', own, raster, file)}"
    )


def check_same_grid(given: Georeference | None, raster: Raster, file: object) -> None:
    """Check that the pixels of a file lie where those of a raster of the same size lie. A file without a georeference says nothing else.

    Args:
        given: The georeference of the file.
        raster: The raster.
        file: The file, for the message.

    Raises:
        InputError: They are in different coordinate reference systems, or their corners are in different places.
        MissingDependencyError: rasterio is not installed.
    """
    if given is None:
        return
    if raster.georeference is None:
        raise InputError(f"{file} has a georeference, and {raster.name} has none: give the same to both, or to none of them")
    own, theirs = system_of(raster.georeference), system_of(given)
    if own is not None and theirs is not None and not _same(own, theirs):
        raise InputError(
            f"{file} is in {name_of(theirs)}, and {raster.name} in {name_of(own)}: nothing is reprojected silently. {_WARP.format(file)}"
        )
    height, width = raster.size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    away = float(np.abs(raster.georeference.to_pixels(given.to_world(corners)) - corners).max())
    if not away < _NEAR:
        raise InputError(f"{file} lies elsewhere than {raster.name}: its corners are up to {away:.3g} pixels away. {_WARP.format(file)}")


def _same(one: Any, other: Any) -> bool:
    codes = {one.to_epsg(), other.to_epsg()}
    return bool(one == other) or (len(codes) == 1 and None not in codes)


def _copy(option: str, system: Any, raster: str, file: object) -> str:
    """Return the command that makes a copy of a file in a system, which is the raster's."""
    code = system.to_epsg()
    if code:
        return f"ogr2ogr {option} EPSG:{code} copy.gpkg {file}"
    return f"gdalsrsinfo -o wkt {raster} > raster.prj && ogr2ogr {option} raster.prj copy.gpkg {file}"


_UNKNOWN = "Undefined"
"""In the WKT that GDAL gives for tables of a GeoPackage without a CRS."""

_MAX_LONGITUDE, _MAX_LATITUDE = 180, 90
_NEAR = 0.1
"""Pixels by which corners may be off where two files lie at the same place: as much as rounded transforms are."""
_WARP = "Bring it to the pixels of the raster, such as by gdalwarp -r near -t_srs … -te … -ts … {} copy.tif"
