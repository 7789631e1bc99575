"""GeoJSON files of the objects of a scene, written feature by feature."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from ..datasets.writer_base import as_json
from ..rasters.georeference import Georeference
from .crs import WGS84, AreaUnit
from .features import Feature


def write_geojson(features: Iterable[Feature], path: Path, georeference: Georeference | None, unit: AreaUnit | None) -> None:
    """Write features as a GeoJSON feature collection.

    The member ``crs`` names the EPSG code of the coordinates, as GDAL and QGIS write and read it; longitude and latitude have none (RFC
    7946). It is null where coordinates are pixels or the CRS has no EPSG code. Of the latter, the member ``promptseg`` has the WKT, by
    which promptseg knows it again.

    Args:
        features: The features.
        path: The file.
        georeference: Where the raster lies; None for coordinates in pixels.
        unit: Unit of the areas, or None.
    """
    about = {"coordinates": "pixels" if georeference is None else "world"}
    if georeference is not None and georeference.epsg is None and georeference.wkt is not None:
        about["wkt"] = georeference.wkt
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"type": "FeatureCollection", "promptseg": {as_json(about)}{_crs(georeference)}, "features": [')
        _write(file, features, "area" if unit is None else unit.name)
        file.write("\n]}\n")


def _write(file: IO[str], features: Iterable[Feature], area: str) -> None:
    separator = "\n"
    for feature in features:
        file.write(f"{separator}{as_json(_values(feature, area))}")
        separator = ",\n"


def _crs(georeference: Georeference | None) -> str:
    epsg = None if georeference is None else georeference.epsg
    if epsg == WGS84:
        return ""
    named = None if epsg is None else {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}}
    return f', "crs": {as_json(named)}'


def _values(feature: Feature, area: str) -> dict[str, Any]:
    parts = [[ring.tolist() for ring in part] for part in feature.parts]
    single = len(parts) == 1
    properties = {
        "id": feature.id,
        "label": feature.label,
        "score": feature.score,
        "area_pixels": feature.area_pixels,
        area: feature.area,
    }
    return {
        "type": "Feature",
        "id": feature.id,
        "geometry": {"type": "Polygon" if single else "MultiPolygon", "coordinates": parts[0] if single else parts},
        "properties": properties,
    }
