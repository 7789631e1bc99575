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
    rings = [ring for way in _paths(pixels) for ring in _simple(way)]
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
    for way in _paths(pixels):
        ring = np.array(way)
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
    return (np.pad(pixels, 1) if pixels.size else pixels), np.array([left - 1, top - 1])


def _paths(pixels: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Return the closed paths along the boundary of padded pixels, with the mask on their right when y points downwards.

    Corners are where the boundary turns. In a row, horizontal edges run between the first and second corner, the third and fourth, and so
    on. In a column, vertical edges do. A point at which two pixels touch only diagonally counts as two corners, one for each pixel.
    """
    above, below = pixels[:-1], pixels[1:]
    quadrants = (above[:, :-1], above[:, 1:], below[:, :-1], below[:, 1:])
    count = sum((quadrant.astype(np.uint8) for quadrant in quadrants[1:]), quadrants[0].astype(np.uint8))
    falling = (count == 2) & quadrants[0] & quadrants[3]
    rising = (count == 2) & quadrants[1] & quadrants[2]
    # For each corner: y, x, whether its pixel is right of it, and whether it is below. Both matter only for double corners.
    kinds = [(count % 2 == 1, (0, 0)), (falling, (0, 0)), (falling, (1, 1)), (rising, (1, 0)), (rising, (0, 1))]
    corners = np.concatenate([np.hstack([at, np.full_like(at, own)]) for at, own in ((np.argwhere(where), own) for where, own in kinds)])
    y, x, right, low = corners.T
    along_row, along_column = _partners(np.lexsort((right, x, y))), _partners(np.lexsort((low, y, x)))
    # An edge runs to the right where the mask is below it.
    start = np.minimum(x, x[along_row])
    to_right = pixels[y + 1, start + 1]
    tails = np.flatnonzero((x == start) == to_right)
    seen = np.zeros(len(x), bool)
    ways: list[list[tuple[int, int]]] = []
    for first in tails.tolist():
        node, way = first, []
        while not seen[node]:
            seen[node] = True
            head = along_row[node]
            way += [(int(x[node]) + 1, int(y[node]) + 1), (int(x[head]) + 1, int(y[head]) + 1)]
            node = int(along_column[head])
        if way:
            ways.append(way)
    return ways


def _partners(order: NDArray[np.intp]) -> NDArray[np.intp]:
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    return partners


def _simple(way: list[tuple[int, int]]) -> list[NDArray[np.intp]]:
    """Split a closed path that may pass a point twice into closed paths that do not."""
    rings: list[NDArray[np.intp]] = []
    path: list[tuple[int, int]] = []
    at: dict[tuple[int, int], int] = {}
    for point in way:
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
