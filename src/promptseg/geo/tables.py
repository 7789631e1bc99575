"""Tables of the objects of a scene: GeoPackage and GeoParquet, written some thousand rows at a time.

Both hold the geometry as WKB, in columns that Arrow carries.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..rasters.georeference import Georeference
from ..rasters.packages import geo_package
from .crs import AreaUnit, projjson, text_of
from .features import Feature
from .wkb import multipolygon

ROWS = 4096
"""Maximum number of rows that are in memory together."""

ROW_BYTES = 1 << 24
"""Number of bytes of geometry after which rows are written, however few they are."""

_GEOMETRY = "geometry"


def write_geopackage(features: Iterable[Feature], path: Path, georeference: Georeference | None, unit: AreaUnit | None) -> None:
    """Write features as the one layer of a GeoPackage, with a spatial index. The same features give the same bytes.

    Args:
        features: The features.
        path: The file. Its name without suffix is that of the layer.
        georeference: Where the raster lies; None for coordinates in pixels.
        unit: Unit of the areas, or None.

    Raises:
        MissingDependencyError: pyogrio or pyarrow is not installed.
        OSError: GDAL cannot write the file.
    """
    pyogrio, arrow = geo_package("pyogrio", "GeoPackage"), geo_package("pyarrow", "GeoPackage")
    schema = _schema(arrow, unit, box=False)
    counted = _Counted(_batches(features, arrow, schema, unit))
    stream = arrow.RecordBatchReader.from_batches(schema, counted)
    with _fixed_date(pyogrio), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # Nothing more is known of it.
        try:
            pyogrio.write_arrow(
                stream,
                str(path),
                driver="GPKG",
                layer=path.stem,
                geometry_name=_GEOMETRY,
                geometry_type="MultiPolygon",
                crs=None if georeference is None else text_of(georeference),
            )
        except Exception as error:  # GDAL's and Arrow's have no common base.
            raise counted.failure or OSError(f"GDAL cannot write it ({error})") from error
    if counted.failure is not None:
        raise counted.failure
    _check_complete(path, counted.rows)


def _check_complete(path: Path, rows: int) -> None:
    """Raise `OSError` for a GeoPackage that lacks objects or its spatial index. GDAL tells no error that occurs while it closes a file."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            listed = file.execute("SELECT table_name, max_x IS NOT NULL FROM gpkg_contents").fetchall()
            index = file.execute("SELECT name FROM sqlite_master WHERE name GLOB 'rtree_*_rowid'").fetchall()
            counts = [file.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name, *_ in (*listed, *index)]  # noqa: S608 - Quoted.
    except sqlite3.Error as error:
        raise OSError(f"the disk may be full ({error})") from error
    if counts != [rows, rows] or (rows and not listed[0][1]):
        raise OSError("objects or their index are missing: the disk may be full")


def _quoted(name: str) -> str:
    """Return the name of a table for a query of SQLite."""
    return '"' + name.replace('"', '""') + '"'


def write_geoparquet(features: Iterable[Feature], path: Path, georeference: Georeference | None, unit: AreaUnit | None) -> None:
    """Write features as GeoParquet 1.1, with a column of boxes by which readers skip rows.

    Args:
        features: The features.
        path: The file.
        georeference: Where the raster lies; None for coordinates in pixels.
        unit: Unit of the areas, or None.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    arrow, parquet = geo_package("pyarrow", "GeoParquet"), geo_package("pyarrow.parquet", "GeoParquet")
    schema = _schema(arrow, unit, box=True).with_metadata({"geo": json.dumps(_about(georeference))})
    with parquet.ParquetWriter(path, schema, compression="zstd") as table:
        for batch in _batches(features, arrow, schema, unit):
            table.write_batch(batch)


def _about(georeference: Georeference | None) -> dict[str, Any]:
    """Return the metadata of GeoParquet. Without a CRS it says null, which means that none is known."""
    column = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"],
        "crs": projjson(georeference),
        "orientation": "counterclockwise",
        "covering": {"bbox": {name: ["bbox", name] for name in _BOX}},
    }
    return {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}


def _schema(arrow: Any, unit: AreaUnit | None, *, box: bool) -> Any:
    fields = {"id": arrow.int64(), "label": arrow.string(), "score": arrow.float64(), "area_pixels": arrow.int64()}
    if unit is not None:
        fields[unit.name] = arrow.float64()
    if box:
        fields["bbox"] = arrow.struct([(name, arrow.float64()) for name in _BOX])
    return arrow.schema([*fields.items(), (_GEOMETRY, arrow.binary())])


def _batches(features: Iterable[Feature], arrow: Any, schema: Any, unit: AreaUnit | None) -> Iterator[Any]:
    rows: list[dict[str, Any]] = []
    held = 0
    for feature in features:
        rows.append(_row(feature, unit))
        held += len(rows[-1][_GEOMETRY])
        if len(rows) >= ROWS or held >= ROW_BYTES:
            yield arrow.RecordBatch.from_pylist(rows, schema=schema)
            rows, held = [], 0
    if rows:
        yield arrow.RecordBatch.from_pylist(rows, schema=schema)


def _row(feature: Feature, unit: AreaUnit | None) -> dict[str, Any]:
    """Return a row with all columns; those that the schema does not have are left out."""
    exteriors = [part[0] for part in feature.parts]
    low = [min(float(ring[:, axis].min()) for ring in exteriors) for axis in (0, 1)]
    high = [max(float(ring[:, axis].max()) for ring in exteriors) for axis in (0, 1)]
    return {
        "id": feature.id,
        "label": feature.label,
        "score": feature.score,
        "area_pixels": feature.area_pixels,
        **({} if unit is None else {unit.name: feature.area}),
        "bbox": dict(zip(_BOX, (*low, *high), strict=True)),
        _GEOMETRY: multipolygon(feature.parts),
    }


class _Counted:
    """Batches that are counted, and that remember why there are no more of them: Arrow hands an exception on as text."""

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches
        self.rows = 0
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch = next(self._batches)
        except StopIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise
        self.rows += batch.num_rows
        return batch


@contextlib.contextmanager
def _fixed_date(pyogrio: Any) -> Iterator[None]:
    """Let GDAL note a fixed date in the block, so that the same objects give the same bytes."""
    with _one_at_a_time:  # GDAL's settings are those of the process.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


_BOX = ("xmin", "ymin", "xmax", "ymax")
_one_at_a_time = threading.Lock()
