"""`write_vectors`: the objects of a scene as polygons in the CRS of their raster, for QGIS and other geographic information systems.

Each object is a feature with the attributes ``id`` (from 1, in the order of the objects), ``label``, ``score`` and ``area_pixels``. Where
the CRS measures lengths, ``area`` is in its square units; of a slide whose pixels have a known size, ``area_um2`` is in square micrometers.
Outlines run along pixel edges and are valid in the sense of the OGC. Memory does not grow with the number of objects.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import length_hint
from pathlib import Path

from .._checks import between
from ..datasets.output_file import check_file, new_path
from ..datasets.writing import WriteReport, report_of
from ..errors import OutputError
from ..rasters.georeference import Georeference
from ..rasters.packages import geo_package
from ..rasters.pixel_sizes import PixelSize
from ..runtime.files import output_errors
from ..runtime.progress import track
from ..scene_masks import SceneMask
from .begun_output import begun_output
from .crs import AreaUnit, area_unit, check_place
from .features import Feature, features_of
from .geojson_file import write_geojson
from .pyogrio_safety import check_gdal_path
from .tables import write_geopackage, write_geoparquet

_Write = Callable[[Iterable[Feature], Path, Georeference | None, AreaUnit | None], None]

_WRITERS: dict[str, tuple[str, _Write, tuple[str, ...]]] = {
    ".geojson": ("geojson", write_geojson, ()),
    ".gpkg": ("gpkg", write_geopackage, ("pyogrio", "pyarrow")),
    ".parquet": ("geoparquet", write_geoparquet, ("pyarrow",)),
}

VECTOR_SUFFIXES = tuple(_WRITERS)
"""Suffixes of the files that `write_vectors` writes: GeoJSON, GeoPackage and GeoParquet."""


def write_vectors(
    masks: Iterable[SceneMask],
    path: str | os.PathLike[str],
    *,
    georeference: Georeference | None,
    tolerance: float = 0.0,
    pixel_size: PixelSize | None = None,
) -> WriteReport:
    """Write the objects of a scene as vectors, in the format that the suffix of the path says.

    The coordinates are those of the raster's own CRS, never reprojected. Its EPSG code is kept; a CRS without one is kept as WKT in
    GeoPackage and as PROJJSON in GeoParquet, and the report of a GeoJSON file says that it cannot hold it. Without a georeference they are
    pixels, ``x`` to the right and ``y`` down, and the report says so.

    The file gets its name when it is complete. A file that was changed by hand since promptseg wrote it is kept, and named in the report.
    The same objects give the same bytes.

    Args:
        masks: The objects: `promptseg.scene_masks.SceneMasks`, or an iterator of more than memory holds.
        path: The file: ``.geojson``, ``.gpkg`` or ``.parquet``.
        georeference: Where the raster lies, as `Raster.georeference` says; None for coordinates in pixels.
        tolerance: Distance by which outlines may be simplified, in units of the CRS: meters in UTM, degrees in longitude and latitude,
            pixels without a georeference. With 0 they hold every pixel. The report says how much is lost.
        pixel_size: Width and height of a pixel in micrometers, as the raster of a slide states them. Without a georeference, objects then
            have their area in square micrometers.

    Raises:
        ConfigError: `tolerance` is not a finite number of at least 0.
        InputError: PROJ does not know the CRS, or the map of the georeference cannot be inverted.
        OutputError: The suffix is another, the file cannot be written, or promptseg did not write what is there.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    place = Path(path)
    distance = between("tolerance", tolerance, 0, _FARTHEST)
    check_vectors(place, georeference)
    name, write, _ = _WRITERS[place.suffix.lower()]
    with begun_output(place) as stats, new_path(place, stats.kept) as written:
        listed = track(masks, stage=f"write {name}", total=length_hint(masks), unit="object")
        unit = area_unit(georeference, pixel_size)
        write(features_of(listed, georeference, unit, distance, stats), written, georeference, unit)
    stats.files = 1 - len(stats.kept)
    report = report_of(name, place, stats)
    return replace(report, notes=(*report.notes, *_notes(place, georeference)))


def check_vectors(path: Path, georeference: Georeference | None) -> None:
    """Check what can be known of a file of vectors before there are objects: its suffix, its packages, the CRS and its place.

    Args:
        path: The file.
        georeference: Where the raster lies.

    Raises:
        InputError: PROJ does not know the CRS, or the map of the georeference cannot be inverted.
        OutputError: The suffix is another, or promptseg did not write what is there.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    if path.suffix.lower() not in _WRITERS:
        given = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise OutputError(f"cannot write {path}: it has {given}, and vectors are written as {', '.join(VECTOR_SUFFIXES)}")
    name, _, packages = _WRITERS[path.suffix.lower()]
    for package in packages:
        geo_package(package, name)
    if "pyogrio" in packages:
        check_gdal_path(path, OutputError)
    check_place(georeference)
    with output_errors(path):
        check_file(path)


def _notes(path: Path, georeference: Georeference | None) -> list[str]:
    if georeference is None:
        return ["coordinates are pixels, x to the right and y down: the raster has no georeference"]
    if georeference.epsg is None and georeference.wkt is None:
        return ["the raster does not name its coordinate reference system: give it to programs that ask"]
    if georeference.epsg is None and path.suffix.lower() == ".geojson":
        return ["GeoJSON cannot hold the coordinate reference system, which has no EPSG code: .gpkg and .parquet can"]
    return []


_FARTHEST = 1e12
