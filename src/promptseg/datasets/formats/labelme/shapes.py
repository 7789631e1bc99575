"""Shapes of LabelMe files as masks.

Corners lie on pixel edges, and polygons are filled by the rule of the COCO API. An outline may therefore differ by a pixel from that of
mask images made by LabelMe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ....masks import Mask, Size
from ...embedded_images import open_mask
from ...shapes import ellipse

WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
"""Types of shapes that have no area."""

_POLYGONS = frozenset({"polygon", "oriented_rectangle", "rotation"})
"""Types of shapes whose points are all corners. ``"rotation"`` is the oriented rectangle of other tools that write LabelMe files."""


def shape_mask(shape: Mapping[str, Any], size: Size) -> Mask | None:
    """Return the mask of a shape, or None for a shape without an area. The part outside the image is cut off.

    Args:
        shape: The shape, as in a LabelMe file.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the shape is of no known type, or its points do not fit the type.
    """
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str):
        raise InputError(f"a shape_type is a name, got {type(kind).__name__}")
    if kind in WITHOUT_AREA:
        return None
    points = _points(shape.get("points"))
    if kind in _POLYGONS or (kind == "rectangle" and len(points) == 4):  # Some tools write all four corners.
        return Mask.from_polygons([points], size)
    if kind not in ("rectangle", "circle", "mask"):
        raise InputError(f"LabelMe has no shape_type {kind[:40]!r}")
    if len(points) != 2:
        raise InputError(f"a {kind} has two points, got {len(points)}")
    (x0, y0), (x1, y1) = points.tolist()
    if kind == "rectangle":
        return Mask.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size)
    if kind == "circle":
        radius = math.hypot(x1 - x0, y1 - y0)
        return ellipse((x0, y0), (radius, radius), size)
    return _pasted(shape.get("mask"), points, size)


def _points(points: object) -> NDArray[np.float64]:
    if not isinstance(points, list) or not all(isinstance(point, (list, tuple)) and len(point) == 2 for point in points):
        raise InputError("points are a list of [x, y]")
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or not (np.abs(array) <= _FARTHEST).all():
        raise InputError(f"points are a list of [x, y], which are finite numbers of at most {_FARTHEST:g}")
    return array


def _pasted(encoded: object, points: NDArray[np.float64], size: Size) -> Mask:
    """Return the mask of a mask shape: a PNG in base64. The points are its first and its last pixel, rounded toward 0 as in LabelMe."""
    image = open_mask(encoded, size)
    crop = np.asarray(image) > 0
    if crop.ndim != 2:
        raise InputError(f"its mask is in color ({image.mode}): expected one value for each pixel")
    (left, top), (right, bottom) = points.astype(int).tolist()
    if crop.shape != (bottom - top + 1, right - left + 1):
        (height, width), columns, rows = crop.shape, right - left + 1, bottom - top + 1
        raise InputError(f"its mask is {width} wide and {height} high, its points are the corners of {columns} x {rows} pixels")
    inside = crop[max(0, -top) : max(0, size[0] - top), max(0, -left) : max(0, size[1] - left)]
    if not inside.size:
        return Mask.from_crop(np.zeros((0, 0), bool), (0, 0), size)
    return Mask.from_crop(inside, (max(0, left), max(0, top)), size)


_FARTHEST = 1e12
"""Largest coordinate in pixels. Beyond it, floats do not tell parts of a pixel apart."""
