"""Files of vectors, read a batch of features at a time: GeoJSON and GeoPackage by GDAL, GeoParquet by Arrow.

A file is read as what its suffix says and as nothing else, so that none can name further files or addresses to GDAL.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._checks import absent_hint
from .._counting import number_of
from ..errors import InputError, PromptSegError, nearest, shown
from ..rasters.packages import geo_package
from .parts_of_files import split_part
from .pyogrio_safety import check_gdal_path, offline
from .wkb import Geometry, read_wkb

MAX_FEATURES = 10_000_000
"""Maximum number of features of a file."""

MAX_GEOMETRY_BYTES = 1 << 28
"""Maximum number of bytes of one geometry: of sixteen million corners."""

ROWS = 4096
"""Maximum number of features that are in memory together."""


@dataclass(frozen=True)
class VectorFeature:
    """A feature of a file.

    Attributes:
        number: Its place in the file, from 1.
        geometry: Its points or polygons, in the coordinates of the file.
        attributes: Its attributes by name, as Python values.
    """

    number: int
    geometry: Geometry
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class VectorFile:
    """An open file.

    Attributes:
        path: The file.
        crs: Its CRS as text, or None when it names none.
        named: Whether the file itself names its CRS. GeoJSON without one is in longitude and latitude (RFC 7946).
        batches: Its rows, as batches of Arrow.
        column: The column of the geometry.
    """

    path: Path
    crs: str | None
    named: bool
    batches: Iterator[Any]
    column: str

    def features(self) -> Iterator[VectorFeature]:
        """Yield the features.

        Raises:
            InputError: A geometry is missing or damaged, or is neither points nor polygons; or the file has too many features or cannot be
                read to its end. The message names the feature.
        """
        number = 0
        for batch in self._read():
            for row in self._rows(batch):
                number += 1
                if number > MAX_FEATURES:
                    raise InputError(f"{self.path} has more than {MAX_FEATURES} features, the limit: split it")
                geometry = row.pop(self.column, None)
                row.pop("bbox", None)
                yield VectorFeature(number, self._geometry(number, row, geometry), row)

    def _rows(self, batch: Any) -> Iterator[dict[str, Any]]:
        columns = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                columns[name] = column.to_pylist()
            except Exception as error:  # Such as a date beyond those of Python.
                what = f"the attribute {shown(name)} of {self.path} has values of {column.type} that cannot be read"
                raise InputError(f"{what} ({error}): store it as text, or leave it out") from error
        return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))

    def _read(self) -> Iterator[Any]:
        batches = iter(self.batches)
        try:
            while True:
                with _without_warnings():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch
        except PromptSegError:
            raise
        except Exception as error:  # GDAL's and Arrow's have no common base.
            raise InputError(f"{self.path} cannot be read to its end: {error}") from error

    def _geometry(self, number: int, row: Mapping[str, Any], geometry: object) -> Geometry:
        what = named(number, row, self.path)
        if not isinstance(geometry, bytes):
            raise InputError(f"{what} has no geometry: give it one, or remove it")
        if len(geometry) > MAX_GEOMETRY_BYTES:
            raise InputError(f"{what} has a geometry of {len(geometry)} bytes, and at most {MAX_GEOMETRY_BYTES} are read: simplify it")
        try:
            return read_wkb(geometry)
        except ValueError as error:
            raise InputError(f"{what} cannot be used: {error}") from error


def named(number: int, attributes: Mapping[str, Any], path: Path) -> str:
    """Return what a feature is called in messages: its place in the file, and its attribute ``id`` if it has one."""
    own = attributes.get("id")
    return f"feature {number}{'' if own is None else f' (id {shown(own)})'} of {path}"


def opened_vectors(path: Path) -> AbstractContextManager[VectorFile]:
    """Open a file of vectors. Its features must be read within the block.

    Args:
        path: The file: ``.geojson``, ``.json``, ``.gpkg``, ``.parquet`` or ``.geoparquet``.
            ``FILE.gpkg:LAYER`` is one layer of a GeoPackage.

    Raises:
        InputError: There is no such file, its suffix is another, it is not what its suffix says, it has no such layer, or it has several
            and none is named.
        MissingDependencyError: A package of the extra ``geo`` is not installed.
    """
    path, layer = split_part(path)
    if layer == "":
        raise InputError(f"the name of the layer is missing after {path}: give {path}:LAYER, or {path} if it has one layer")
    open_ = _OPEN.get(path.suffix.lower())
    if open_ is None:
        copied = f": make a copy, ogr2ogr copy.gpkg {path}" if path.exists() else ""
        raise InputError(f"vectors are read from {', '.join(_OPEN)}, got {path}{copied}")
    if layer is not None and open_ is not _geopackage:
        raise InputError(f"only a GeoPackage has layers, got {path}:{layer}: give {path}")
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - They take a name of any length. A pipe would be waited for.
        raise InputError(f"{path} is not a file, such as a folder or a pipe: give a file of vectors")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}{absent_hint(path)}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not head:
        raise InputError(f"{path} is empty: it has 0 bytes")
    return _geopackage(path, head, layer) if layer is not None else open_(path, head)


@contextlib.contextmanager
def _geojson(path: Path, head: bytes) -> Iterator[VectorFile]:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise InputError(f"{path} is not GeoJSON: it does not begin with {{, as one FeatureCollection does")
    with _by_gdal(path, f"GeoJSON:{path.absolute()}", None) as file:
        # GDAL takes every file that names no system for longitude and latitude.
        members = _members(path, head)
        named = bool(_NAMES_CRS.search(members)) or file.crs != _LONGITUDE_LATITUDE
        stated = _STATED_CRS.search(members)
        if stated and file.crs == _LONGITUDE_LATITUDE and not _IN_DEGREES.search(stated[0]):
            raise InputError(
                f"{path} is in a coordinate reference system that GDAL does not know: {shown(stated[0].decode(errors='replace'))}"
            )
        if own := _OWN_WKT.search(members):
            yield replace(file, crs=_text(own[1], path), named=True)
        else:
            yield replace(file, crs=None) if _NO_CRS.search(members) else replace(file, named=named)


def _text(value: bytes, path: Path) -> str:
    """Return a text of JSON."""
    try:
        return str(json.loads(value))
    except ValueError as error:
        raise InputError(f"{path} cannot be read: its WKT is not JSON ({error})") from error


def _members(path: Path, head: bytes) -> bytes:
    """Return the members of a collection of GeoJSON beside its features, which stand before or after them."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _HEAD))
            tail = file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return head.partition(b'"features"')[0] + tail.rpartition(b"]")[2]


@contextlib.contextmanager
def _geopackage(path: Path, head: bytes, layer: str | None = None) -> Iterator[VectorFile]:
    if not head.startswith(b"SQLite format 3\0"):
        raise InputError(f"{path} is not a GeoPackage: it is not a SQLite file")
    check_gdal_path(path, InputError)
    pyogrio = geo_package("pyogrio", "GeoPackage")
    try:
        with _without_warnings():
            layers = [str(name) for name, kind in pyogrio.list_layers(str(path)).tolist() if kind is not None]
    except Exception as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    with _by_gdal(path, str(path), _chosen(layer, layers, path)) as file:
        yield file


def _chosen(layer: str | None, layers: Sequence[str], path: Path) -> str:
    """Return the layer that is read: the one that is named, or the only one."""
    if not layers:
        raise InputError(f"{path} has no layer with geometry")
    more = f" and {len(layers) - _NAMED} more" if len(layers) > _NAMED else ""
    listed = f"{number_of(len(layers), 'layer')} with geometry: {', '.join(map(shown, layers[:_NAMED]))}{more}"
    if layer is None and len(layers) > 1:
        raise InputError(f"{path} has {listed}. Name one, such as {path}:{layers[0]}")
    if layer is not None and layer not in layers:
        raise InputError(f"{path} has no layer {shown(layer)}, and has {listed}.{nearest(layer, layers)}")
    return layers[0] if layer is None else layer


@contextlib.contextmanager
def _by_gdal(path: Path, source: str, layer: str | None) -> Iterator[VectorFile]:
    pyogrio = geo_package("pyogrio", "vectors")
    geo_package("pyarrow", "vectors")
    with contextlib.ExitStack() as stack:
        try:
            with _without_warnings(), offline(pyogrio):
                about, reader = stack.enter_context(pyogrio.open_arrow(source, layer=layer, batch_size=ROWS, use_pyarrow=True))
        except Exception as error:
            expected = ": expected one FeatureCollection" if layer is None else ""
            raise InputError(f"{path} cannot be read{expected} ({error})") from error
        column = about["geometry_name"] or "wkb_geometry"
        yield VectorFile(path, about["crs"], layer is not None, iter(reader), column)


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep GDAL's warnings about a file back: what matters of them is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _geoparquet(path: Path, head: bytes) -> Iterator[VectorFile]:
    if not head.startswith(b"PAR1"):
        raise InputError(f"{path} is not a Parquet file")
    parquet = geo_package("pyarrow.parquet", "GeoParquet")
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(parquet.ParquetFile(path))
            metadata = file.schema_arrow.metadata or {}
        except Exception as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        try:
            about = json.loads(metadata[b"geo"])
            column = str(about["primary_column"])
            own = about["columns"][column]
            encoding, crs = own["encoding"], own.get("crs", _LONGITUDE_LATITUDE)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{path} is not GeoParquet: its metadata do not say where the geometry is") from error
        if encoding != "WKB":
            raise InputError(f"{path} has geometry in the encoding {shown(encoding)}, and WKB is read: write it anew with ogr2ogr")
        text = crs if crs is None or isinstance(crs, str) else json.dumps(crs)
        yield VectorFile(path, text, True, file.iter_batches(batch_size=ROWS), column)


_OPEN: dict[str, Callable[[Path, bytes], AbstractContextManager[VectorFile]]] = {
    ".geojson": _geojson,
    ".json": _geojson,
    ".gpkg": _geopackage,
    ".parquet": _geoparquet,
    ".geoparquet": _geoparquet,
}
_LONGITUDE_LATITUDE = "EPSG:4326"
"""The CRS of GeoParquet that names none is OGC:CRS84: longitude and latitude, as coordinates of EPSG:4326 are given in files."""
_NO_CRS = re.compile(rb'"crs"\s*:\s*null')
_NAMES_CRS = re.compile(rb'"crs"\s*:\s*\{|"coordinates"\s*:\s*"world"')
"""The member ``crs``, or what promptseg writes in its place for longitude and latitude."""
_STATED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*(?:\{[^{}]*\})?')
_IN_DEGREES = re.compile(rb"4326|CRS:?84|WGS[ _]?84\b", re.IGNORECASE)
"""Names of longitude and latitude, which GDAL also takes for what it does not know."""
_OWN_WKT = re.compile(rb'"promptseg"\s*:\s*\{[^{}"]*(?:"coordinates"\s*:\s*"world")\s*,\s*"wkt"\s*:\s*("(?:[^"\\]|\\.)*")')
"""The WKT that promptseg writes for a system without an EPSG code."""
_HEAD = 1 << 14
_NAMED = 10
"""Number of layers that a message lists."""
