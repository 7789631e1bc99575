"""Regions that annotators draw in Label Studio, as masks.

Coordinates are percentages of the image's width and height. A region is several results of the same id: one with its shape, and often
others that repeat the shape and add labels, choices or text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ....masks import Mask, Size
from ...core import read_score
from ...embedded_images import open_mask
from ...shapes import ellipse, rotated_rectangle
from ...stated_size import stated_size
from .brush import decode_brush


class Region(NamedTuple):
    """A region of an image.

    Attributes:
        key: Key of the region in its annotation: its id, or its place in the file.
        type: Type of its results, such as ``"rectanglelabels"``, or ``""``.
        value: The shape, in the form of a result's ``value``.
        labels: The labels, or the choices when there are no labels.
        score: The score, or None.
        size: ``(height, width)`` of the image as the region states it, or None.
    """

    key: str
    type: str
    value: Mapping[str, Any]
    labels: tuple[str, ...]
    score: float | None
    size: Size | None


def regions_of(results: Sequence[Mapping[str, Any]]) -> list[Region]:
    """Return the regions of results that are objects. Results about the whole image, such as choices, are not regions.

    Args:
        results: The results of one annotation about one image.
    """
    by_id: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    for index, result in enumerate(results):
        own = result.get("id")
        named = isinstance(own, (str, int))
        by_id.setdefault((str(own if named else index), named), []).append(result)
    regions = []
    for (key, _), parts in by_id.items():
        shapes = [part for part in parts if isinstance(part.get("value"), Mapping) and _SHAPES & part["value"].keys()]
        if not shapes:
            continue
        # A result that has the shape in full comes first: others may repeat a part of it.
        first = max(shapes, key=lambda part: len(_SHAPES & part["value"].keys()))
        types = [kind if isinstance(kind := part.get("type"), str) else "" for part in shapes]
        sizes = [size for part in parts if (size := stated_size(part.get("original_height"), part.get("original_width"))) is not None]
        scores = [score for part in parts if (score := read_score(part.get("score"))) is not None]
        regions.append(
            Region(
                key[:LONGEST_KEY],
                next((each for each in types if each not in _ADDITIONS), types[0])[:LONGEST_KEY],
                first["value"],
                _labels(parts),
                scores[0] if scores else None,
                sizes[0] if sizes else None,
            )
        )
    return regions


def region_mask(region: Region, size: Size) -> Mask | str:
    """Return the mask of a region, or the reason why it has none. The part outside the image is cut off.

    Args:
        region: The region.
        size: ``(height, width)`` of the image.

    Raises:
        InputError: When the values of the shape are damaged, or do not fit the size.
    """
    value, (height, width) = region.value, size
    if "rle" in value:
        if value.get("format", "rle") not in ("rle", None):
            raise InputError(f"a brush stroke has the format rle, got {str(value['format'])[:40]!r}")
        return decode_brush(value["rle"], size)
    if "imageDataURL" in value or "maskDataURL" in value:
        return _bitmask(value.get("imageDataURL") or value.get("maskDataURL"), size)
    if "points" in value or "vertices" in value:
        if value.get("closed", True) is False:
            return "an open line has no area"
        ring = _ring(value["points"]) if "points" in value else _curve(value["vertices"])
        return Mask.from_polygons([ring * (width / 100, height / 100)], size)
    if "radiusX" in value:
        x, y, radius_x, radius_y = (_number(value, member) for member in ("x", "y", "radiusX", "radiusY"))
        center, radii = (x * width / 100, y * height / 100), (radius_x * width / 100, radius_y * height / 100)
        return ellipse(center, radii, size, _number(value, "rotation", 0))
    if region.type.startswith("keypoint") or "keypointlabels" in value:
        return "a key point has no area"
    if _ELSEWHERE & value.keys():
        return f"a region of type {region.type or 'unknown'!r} is not of an image"
    x, y, columns, rows = (_number(value, member) for member in ("x", "y", "width", "height"))
    x0, y0, x1, y1 = x * width / 100, y * height / 100, (x + columns) * width / 100, (y + rows) * height / 100
    degrees = _number(value, "rotation", 0)
    if degrees % 360 == 0:
        return Mask.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size)
    return Mask.from_polygons([rotated_rectangle((x0, y0, x1, y1), degrees, about=(x0, y0))], size)


def _bitmask(text: object, size: Size) -> Mask:
    """Return the mask of an image in which the pixels of the region are not transparent."""
    image = open_mask(text, size)
    if image.size != size[::-1]:
        raise InputError(f"its bitmask is {image.size[0]} wide and {image.size[1]} high, its image {size[1]} wide and {size[0]} high")
    if "A" not in image.mode and "transparency" not in image.info:
        raise InputError(f"its bitmask has no transparency ({image.mode}): expected black pixels on a transparent background")
    return Mask.from_array(np.asarray(image.convert("RGBA"))[..., 3] > 0)


def _ring(points: object) -> NDArray[np.float64]:
    if not isinstance(points, list) or not all(isinstance(point, (list, tuple)) and len(point) == 2 for point in points):
        raise InputError("points are a list of [x, y]")
    ring = np.asarray(points, np.float64).reshape(-1, 2)
    if not (np.abs(ring) <= _FARTHEST).all():
        raise InputError(f"points are finite numbers of at most {_FARTHEST:g}")
    return ring


def _curve(vertices: object) -> NDArray[np.float64]:
    """Return the points of a closed vector. Between two vertices with control points it is a cubic Bézier curve."""
    if not isinstance(vertices, list) or not all(isinstance(vertex, Mapping) for vertex in vertices) or not vertices:
        raise InputError("vertices are a list of objects with x and y")
    points = []
    for start, end in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        # A vertex that is not a curve may keep control points from before.
        leaving = start.get("controlPoint2") if start.get("isBezier") else None
        arriving = end.get("controlPoint1") if end.get("isBezier") else None
        corners = [np.array([_number(each, "x"), _number(each, "y")]) for each in (start, leaving or start, arriving or end, end)]
        steps = _CURVE if leaving or arriving else np.zeros((1, 1))
        rest = 1 - steps
        a, b, c, d = corners
        points.append(rest**3 * a + 3 * rest**2 * steps * b + 3 * rest * steps**2 * c + steps**3 * d)
    return np.concatenate(points)


def _number(value: Mapping[str, Any], member: str, default: float | None = None) -> float:
    number = value.get(member, default)
    if number is None and default is not None:
        return default
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) <= _FARTHEST:
        raise InputError(f"{member} is a finite number of at most {_FARTHEST:g}, got {str(number)[:40]}")
    return float(number)


def _labels(parts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the labels of a region's results. Choices for the region count when there are no labels."""
    labels: list[object] = []
    choices: list[object] = []
    for part in parts:
        value = part.get("value")
        for member, names in value.items() if isinstance(value, Mapping) else ():
            found = labels if member.endswith("labels") else choices if member == "choices" else []
            found += names if isinstance(names, list) else [names]
    names = (tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name)) for found in (labels, choices))
    return next(filter(None, names), ())


_ELSEWHERE = frozenset({"sequence", "ranges", "start", "end", "startOffset"})
"""Members of a ``value`` that say where a region of a video, of sound or of a text is."""

_SHAPES = _ELSEWHERE | {"rle", "imageDataURL", "maskDataURL", "points", "vertices", "radiusX", "radiusY", "x", "y", "width", "height"}
"""Members of a ``value`` that say where a region is."""

_ADDITIONS = frozenset({"labels", "choices", "taxonomy", "textarea", "rating", "number", "datetime"})
"""Types of results that repeat the shape of a region and add to it."""

LONGEST_KEY = 100
"""Maximum number of characters of an id or a type in messages and keys."""

_CURVE = np.arange(16)[:, None] / 16
"""Positions of the points on a curve between two vertices."""

_FARTHEST = 1e6
"""Largest percentage: ten thousand times the image."""
