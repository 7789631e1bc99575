"""Outlines of masks along pixel edges: valid polygons with holes, and single rings for formats without holes or parts.

Both are exact: filling them by the even-odd rule at pixel centers, or by the rule of the COCO API, gives the mask again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask, Polygon

Ring = NDArray[np.float32]
"""(N, 2) corners ``(x, y)`` on pixel edges. The first corner is not repeated at the end."""


def outlines(mask: Mask) -> list[Polygon]:
    """Return the parts of a mask as polygons that are valid in the sense of the OGC: no ring touches or crosses itself.

    Unlike in `Mask.polygons`, pixels that touch only at a corner are separate parts. With y downwards, exteriors run clockwise and holes
    counterclockwise.
    """
    import cv2

    pixels, origin = _padded(mask)
    if not pixels.size:
        return []
    rings, touch = _paths(pixels)
    if touch:
        rings = [ring for way in rings for ring in _simple(way)]
    if len(rings) == 1:
        return [Polygon((rings[0] + origin).astype(np.float32))]
    _, parts = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    shells: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for ring in rings:
        part = int(parts[_inside(ring)])
        placed = (ring + origin).astype(np.float32)
        if ring_area(ring) > 0:
            shells[part] = placed
        else:
            holes.setdefault(part, []).append(placed)
    return [Polygon(shells[part], tuple(holes.get(part, ()))) for part in sorted(shells)]


def inset_parts(mask: Mask, by: float) -> list[list[Ring]]:
    """Return the boundary of each part of a mask, moved inwards, for outlines and holes alike.

    When moved by less than half a pixel, it still encloses the same pixel centers, and each corner is in a pixel of the mask. Readers that
    truncate coordinates to integers and also fill the pixels of the outline then get the exact mask, too.

    Args:
        mask: The mask.
        by: Distance in pixels.

    Returns:
        The rings of each part. They may touch themselves.
    """
    import cv2

    pixels, origin = _padded(mask)
    if not pixels.size:
        return []
    _, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    parts: dict[int, list[Ring]] = {}
    for ring in _paths(pixels)[0]:
        steps = np.sign(np.roll(ring, -1, axis=0) - ring)
        inwards = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
        moved = ring + origin + by * (inwards + np.roll(inwards, 1, axis=0))
        parts.setdefault(int(labels[_inside(ring)]), []).append(moved.astype(np.float32))
    return [parts[part] for part in sorted(parts)]


def one_ring(rings: Sequence[Ring]) -> Ring:
    """Join rings to one ring by bridges. A bridge runs between two near corners and back, so it encloses no area.

    Holes are cut open in this way (keyholes), and the parts of a mask become one ring. Each ring is joined at the nearest of the 16,384
    corners before it.
    """
    corners = np.concatenate(rings)
    starts = np.cumsum([0, *map(len, rings)]).tolist()
    centered = np.float64(corners) - corners.mean(axis=0)
    squares, ones = (centered**2).sum(axis=1, keepdims=True), np.ones((len(corners), 1))
    # The product of a row of `earlier` and a row of `later` is their squared distance.
    earlier, later = np.hstack([centered, squares, ones]), np.hstack([-2 * centered, ones, squares])
    hanging: dict[int, list[int]] = defaultdict(list)  # For each corner, the corners of other rings that have a bridge to it.
    stops = {}
    for start, stop in pairwise(starts[1:]):
        first = max(0, start - _LOOK_BACK)
        here, there = _nearest(earlier[first:start], later[start:stop])
        hanging[first + here].append(start + there)
        stops[start + there] = start, stop
    order: list[int] = []
    ways: list[Iterator[int]] = [iter(range(starts[1]))]
    while ways:
        for corner in ways[-1]:
            order.append(corner)
            if hanging.get(corner):
                entry = hanging[corner].pop()
                start, stop = stops[entry]
                ways.append(chain(range(entry, stop), range(start, entry + 1), [corner]))
                break
        else:
            ways.pop()
    return corners[order]


def keyholed(polygon: Polygon) -> Ring:
    """Return a polygon with its holes as one ring."""
    return one_ring([polygon.exterior, *polygon.holes])


def _nearest(earlier: NDArray[np.float64], later: NDArray[np.float64]) -> tuple[int, int]:
    """Return the row indices in `earlier` and `later` with the smallest product."""
    best, found = np.inf, (0, 0)
    rows = max(1, _AT_ONCE // len(later))
    for start in range(0, len(earlier), rows):
        distances = earlier[start : start + rows] @ later.T
        here, there = divmod(int(distances.argmin()), len(later))
        if distances[here, there] < best:
            best, found = float(distances[here, there]), (start + here, there)
    return found


_LOOK_BACK = 16384
"""Number of corners in which the nearest is searched. Most masks have fewer; it bounds the time for masks with very many parts."""
_AT_ONCE = 1 << 18
"""Maximum number of distances in memory at once."""
INSET = 0.25
"""Distance in pixels by which outlines are moved inwards, for readers that also fill the pixels of the outline."""


def _padded(mask: Mask) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return the pixels of a mask's bounding box, padded by one empty pixel, and the ``(x, y)`` of the first. Empty for an empty mask."""
    pixels, (left, top) = mask.crop()
    padded = np.zeros([side + 2 for side in pixels.shape] if pixels.size else (0, 0), bool)  # np.pad takes as long as all else here.
    padded[1:-1, 1:-1] = pixels
    return padded, np.array([left - 1, top - 1])


def _paths(pixels: NDArray[np.bool_]) -> tuple[list[NDArray[np.intp]], bool]:
    """Return the closed paths along the boundary of padded pixels, with the mask on their right when y points downwards.

    Corners are where the boundary turns. In a row, horizontal edges run between the first and second corner, the third and fourth, and so
    on. In a column, vertical edges do. A point at which two pixels touch only diagonally counts as two corners, one for each pixel.

    Returns:
        The corners ``(x, y)`` of each path, (N, 2); and whether any point counts as two corners.
    """
    x, y, along_row, along_column, touch = _corners(pixels)
    # An edge runs to the right where the mask is below it.
    start = np.minimum(x, x[along_row])
    tails = np.flatnonzero((x == start) == pixels[y + 1, start + 1])
    points, heads, following = np.stack([x, y], axis=1) + 1, along_row.tolist(), along_column.tolist()
    seen = [False] * len(heads)
    ways: list[NDArray[np.intp]] = []
    for node in tails.tolist():
        way: list[int] = []
        while not seen[node]:
            seen[node] = True
            head = heads[node]
            way += [node, head]
            node = following[head]
        if way:
            ways.append(points[way])
    return ways, touch


def _corners(pixels: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], bool]:
    """Return ``x`` and ``y`` of the corners of padded pixels, the partner of each in its row and its column, and whether any are double."""
    values = pixels.view(np.int8)
    steps = values[1:] - values[:-1]
    # 1 or -1 where the boundary turns; 2 or -2 where two pixels touch diagonally, which fall or rise to the right.
    turns = steps[:, 1:] - steps[:, :-1]
    y, x = np.nonzero(turns)
    kinds = turns[y, x]
    odd = (kinds & 1).astype(bool)
    if odd.all():
        return x, y, np.arange(len(x)) ^ 1, _partners(np.argsort(x, kind="stable")), False
    single, falling, rising = np.flatnonzero(odd), np.flatnonzero(kinds == 2), np.flatnonzero(kinds == -2)
    parts = [(single, 0, 0), (falling, 0, 0), (falling, 1, 1), (rising, 1, 0), (rising, 0, 1)]
    listed = np.concatenate([which for which, _, _ in parts])
    # Of the two corners of a point, the pixel of one is right of it, and that of one below it.
    right, low = (np.concatenate([np.full(len(part[0]), part[side]) for part in parts]) for side in (1, 2))
    x, y = x[listed], y[listed]
    return x, y, _partners(np.lexsort((right, x, y))), _partners(np.lexsort((low, y, x))), True


def _partners(order: NDArray[np.intp]) -> NDArray[np.intp]:
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    return partners


def _simple(way: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Split a closed path that may pass a point twice into closed paths that do not."""
    rings: list[NDArray[np.intp]] = []
    path: list[tuple[int, int]] = []
    at: dict[tuple[int, int], int] = {}
    for point in map(tuple, way.tolist()):
        if point in at:
            loop = path[at[point] :]
            for passed in loop:
                del at[passed]
            del path[len(path) - len(loop) :]
            rings.append(np.array(loop))
        at[point] = len(path)
        path.append(point)
    return [*rings, np.array(path)]


def _inside(ring: NDArray[np.intp]) -> tuple[int, int]:
    """Return ``(row, column)`` of a mask pixel beside the first edge of a ring."""
    (x0, y0), (x1, y1) = ring[:2].tolist()
    if y0 == y1:
        return (y0, x0) if x1 > x0 else (y0 - 1, x0 - 1)
    return (y0, x0 - 1) if y1 > y0 else (y0 - 1, x0)


def ring_area(ring: NDArray[Any]) -> float:
    """Return the area of a ring, positive when it runs clockwise with y downwards."""
    following = np.roll(ring, -1, axis=0)
    return float((ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]).sum()) / 2
