"""A drawn raster with world coordinates, whose objects are known: for tests, and to try out what rasters are annotated with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._checks import whole_number
from ..errors import ConfigError, OutputError
from ..geo.vectors import write_vectors
from ..rasters.georeference import Georeference
from ..rasters.packages import geo_package
from ..runtime.files import output_errors
from ..scene_masks import SceneMask, SceneMasks
from .sheets import SheetKind, draw_sheet

SHEET = 512
"""Height and width in pixels of the sheets of which a scene consists."""

PER_SHEET = 20
"""Number of things on each of these sheets."""

PIXEL = 0.5
"""Height and width of a pixel on the ground, in meters."""

EPSG = 32632
"""Coordinate system of the scene: zone 32 of UTM, north."""


def write_scene(path: str | os.PathLike[str], *, kind: SheetKind = "cells", seed: int = 0, side: int = 1536) -> SceneMasks:
    """Write a drawn scene as a GeoTIFF, with two files of vectors beside it.

    ``truth.geojson`` has the outline of each thing, and ``points.geojson`` a point on every third one, with its label. The same seed draws
    the same scene.

    Args:
        path: The file, ``.tif``.
        kind: What is drawn, see `promptseg.testing.sheets.draw_sheet`.
        seed: Seed of what is drawn.
        side: Height and width of the scene in pixels: a multiple of 512, at most 16384.

    Returns:
        The things.

    Raises:
        ConfigError: A value is out of range, or `side` is not a multiple of 512.
        OutputError: A file cannot be written.
        MissingDependencyError: rasterio is not installed.
    """
    place = Path(path)
    side = whole_number("side", side, SHEET, most=16384)
    if side % SHEET:
        raise ConfigError(f"side is a multiple of {SHEET}, got {side}")
    rasterio = geo_package("rasterio", "a GeoTIFF")
    georeference = Georeference((PIXEL, 0.0, 500_000.0, 0.0, -PIXEL, 5_300_000.0), EPSG)
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    tiling = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    things: list[SceneMask] = []
    with output_errors(place):
        try:
            with rasterio.open(
                place, "w", crs=f"EPSG:{EPSG}", transform=rasterio.Affine(*georeference.matrix), **profile, **tiling
            ) as raster:
                for image, masks, (x, y) in _sheets(kind, seed, side):
                    raster.write(image.transpose(2, 0, 1), window=rasterio.windows.Window(x, y, SHEET, SHEET))
                    things += masks
                raster.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
        except rasterio.errors.RasterioError as error:
            raise OutputError(f"cannot write {place}: {error}") from error
        scene = SceneMasks(things, (side, side))
        (place.parent / "points.geojson").write_text(json.dumps(_points(scene, georeference, kind[:-1])), "utf-8")
    write_vectors(scene, place.parent / "truth.geojson", georeference=georeference)
    return scene


def _sheets(kind: SheetKind, seed: int, side: int) -> Iterator[tuple[NDArray[np.uint8], list[SceneMask], tuple[int, int]]]:
    """Yield the image, the things and the place ``(x, y)`` of each sheet."""
    for number, (row, column) in enumerate(np.ndindex(side // SHEET, side // SHEET)):
        at = (column * SHEET, row * SHEET)
        image, masks = draw_sheet(kind, seed=seed + number, count=PER_SHEET, side=SHEET)
        yield image, [SceneMask.of(replace(mask, label=kind[:-1]), at) for mask in masks], at


def _points(scene: SceneMasks, georeference: Georeference, label: str) -> dict[str, object]:
    """Return GeoJSON with a point on every third thing."""
    features = []
    for each in list(scene)[::3]:
        rows, columns = np.nonzero(each.mask.array)
        middle = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
        (place,) = georeference.to_world(np.array([[columns[middle], rows[middle]]]) + each.origin + 0.5).tolist()
        features.append({"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": {"label": label}})
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{EPSG}"}}
    return {"type": "FeatureCollection", "crs": crs, "features": features}
