"""Well-known binary (WKB): how tables hold geometry. Written by the ISO standard, read also with the flags of PostGIS."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]
"""(N, 2) float64 ``(x, y)``."""


@dataclass(frozen=True)
class Geometry:
    """Points, or polygons.

    Attributes:
        points: (N, 2) float64 ``(x, y)``; N is 0 for polygons.
        parts: Polygons, each with its exterior and its holes. The first corner of a ring is not repeated at the end.
    """

    points: Corners
    parts: tuple[tuple[Corners, ...], ...] = ()


def multipolygon(parts: Sequence[Sequence[Corners]]) -> bytes:
    """Return polygons as the WKB of a MultiPolygon.

    Args:
        parts: Polygons, each with its exterior and its holes, closed.
    """
    pieces = [_HEAD.pack(1, _MULTIPOLYGON, len(parts))]
    for rings in parts:
        pieces.append(_HEAD.pack(1, _POLYGON, len(rings)))
        for ring in rings:
            pieces += [_COUNT.pack(len(ring)), np.ascontiguousarray(ring, "<f8").tobytes()]
    return b"".join(pieces)


def read_wkb(data: bytes) -> Geometry:
    """Return the points or polygons of a WKB value. Heights and measures are left out.

    Raises:
        ValueError: It is damaged, empty, of another kind, or has coordinates that are not finite.
    """
    reader = _Reader(data)
    try:
        found = reader.geometry()
    except struct.error as error:
        raise ValueError("its geometry is cut off") from error
    if not len(found.points) and not found.parts:
        raise ValueError("its geometry is empty")
    return found


class _Reader:
    """Position in a WKB value."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def geometry(self) -> Geometry:
        kind, order, dimensions = self._kind()
        if kind == _POINT:
            return Geometry(self._corners(order, dimensions, 1))
        if kind == _MULTIPOINT:
            points = [self._part(_POINT) for _ in range(self._count(order))]
            return Geometry(np.concatenate([np.zeros((0, 2)), *points]))
        if kind == _POLYGON:
            return _polygons([self._rings(order, dimensions)])
        if kind == _MULTIPOLYGON:
            return _polygons([self._polygon() for _ in range(self._count(order))])
        raise ValueError(f"it is a {_NAMES.get(kind, f'geometry of kind {kind}')}, where points and polygons are taken")

    def _kind(self) -> tuple[int, str, int]:
        """Return the kind of the geometry that begins here, its byte order, and its number of dimensions."""
        order = "<" if self._take("B")[0] == 1 else ">"
        (code,) = self._take(f"{order}I")
        if code & _SRID:
            self._take(f"{order}I")
        flags, code = code >> 29, code & 0x1FFFFFFF
        iso, kind = divmod(code, 1000)
        return kind, order, 2 + bool(flags & 4 or iso in (1, 3)) + bool(flags & 2 or iso in (2, 3))

    def _part(self, expected: int) -> Corners:
        kind, order, dimensions = self._kind()
        if kind != expected:
            raise ValueError(f"a part of its geometry is of kind {kind}, expected {expected}")
        return self._corners(order, dimensions, 1)

    def _polygon(self) -> tuple[Corners, ...]:
        kind, order, dimensions = self._kind()
        if kind != _POLYGON:
            raise ValueError(f"a part of its geometry is of kind {kind}, expected {_POLYGON}")
        return self._rings(order, dimensions)

    def _rings(self, order: str, dimensions: int) -> tuple[Corners, ...]:
        return tuple(self._ring(order, dimensions) for _ in range(self._count(order)))

    def _ring(self, order: str, dimensions: int) -> Corners:
        corners = self._corners(order, dimensions, self._count(order))
        if len(corners) and (corners[0] == corners[-1]).all():
            corners = corners[:-1]
        if len(corners) < 3:
            raise ValueError(f"it has a ring of {len(corners)} corners, expected at least 3")
        return corners

    def _corners(self, order: str, dimensions: int, count: int) -> Corners:
        size = 8 * dimensions * count
        if self._at + size > len(self._data):
            raise ValueError("its geometry is cut off")
        values = np.frombuffer(self._data, f"{order}f8", dimensions * count, self._at).reshape(count, dimensions)
        self._at += size
        if not np.isfinite(values[:, :2]).all():
            raise ValueError("it has coordinates that are not finite numbers, or is an empty point")
        return values[:, :2].astype(np.float64)

    def _count(self, order: str) -> int:
        (count,) = self._take(f"{order}I")
        if self._at + 4 * count > len(self._data):  # Every part takes more bytes than that.
            raise ValueError("its geometry is cut off")
        return int(count)

    def _take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values


def _polygons(parts: list[tuple[Corners, ...]]) -> Geometry:
    return Geometry(np.zeros((0, 2)), tuple(rings for rings in parts if rings))


_POINT, _POLYGON, _MULTIPOINT, _MULTIPOLYGON = 1, 3, 4, 6
_NAMES = {2: "LineString", 5: "MultiLineString", 7: "GeometryCollection", 10: "CurvePolygon", 12: "MultiSurface"}
_SRID = 0x20000000
_HEAD, _COUNT = struct.Struct("<BII"), struct.Struct("<I")
