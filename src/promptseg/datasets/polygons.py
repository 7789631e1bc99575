"""Outlines along pixel edges: valid polygons with holes, and single rings where a format has neither holes nor parts.

Both are exact: filled by even-odd at pixel centers, or by the rule of the COCO API, they give the mask back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from ..masks import Mask, Polygon

Ring = NDArray[np.float32]
"""(N, 2) corners ``(x, y)`` on pixel edges, without the first again at the end."""


def outlines(mask: Mask) -> list[Polygon]:
    """The parts of a mask as polygons that are valid by the OGC's rules: no ring touches or crosses itself.

    Unlike `Mask.polygons`, pixels that touch only at a corner are parts of their own. Seen with y downwards, exteriors run clockwise and
    holes anticlockwise.
    """
    import cv2

    pixels, origin = _padded(mask)
    if not pixels.size:
        return []
    _, parts = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    shells: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for ring in (ring for way in _ways(pixels) for ring in _simple(way)):
        part = int(parts[_inside(ring)])
        placed = (ring + origin).astype(np.float32)
        if _area(ring) > 0:
            shells[part] = placed
        else:
            holes.setdefault(part, []).append(placed)
    return [Polygon(shells[part], tuple(holes.get(part, ()))) for part in sorted(shells)]


def inset_parts(mask: Mask, by: float) -> list[list[Ring]]:
    """The boundary of each part of a mask moved inwards, on outlines and holes alike.

    Moved by less than half a pixel, it still encloses the same centers of pixels, and each corner is within a pixel of the mask: readers
    that cut coordinates to whole numbers and fill the pixels of the outline as well give the mask back, too.

    Args:
        mask: The mask.
        by: How far, in pixels.

    Returns:
        The rings of each part; they may touch themselves.
    """
    import cv2

    pixels, origin = _padded(mask)
    if not pixels.size:
        return []
    _, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    parts: dict[int, list[Ring]] = {}
    for way in _ways(pixels):
        ring = np.array(way)
        steps = np.sign(np.roll(ring, -1, axis=0) - ring)
        inwards = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
        moved = ring + origin + by * (inwards + np.roll(inwards, 1, axis=0))
        parts.setdefault(int(labels[_inside(ring)]), []).append(moved.astype(np.float32))
    return [parts[part] for part in sorted(parts)]


def one_ring(rings: Sequence[Ring]) -> Ring:
    """Rings joined to one by bridges: from the nearest corners there and back again, so that a bridge encloses nothing.

    A hole is cut open in this way (a keyhole), and the parts of a mask become one line. Each ring is joined to one before it, among whose
    last 16,384 corners the nearest is sought.
    """
    corners = np.concatenate(rings)
    starts = np.cumsum([0, *map(len, rings)]).tolist()
    centered = np.float64(corners) - corners.mean(axis=0)
    squares, ones = (centered**2).sum(axis=1, keepdims=True), np.ones((len(corners), 1))
    # The product of one of the former with one of the latter is the square of their distance.
    earlier, later = np.hstack([centered, squares, ones]), np.hstack([-2 * centered, ones, squares])
    hanging: dict[int, list[int]] = defaultdict(list)  # By a corner, those of other rings from which there is a bridge to it.
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
    """A polygon with its holes as one ring."""
    return one_ring([polygon.exterior, *polygon.holes])


def _nearest(earlier: NDArray[np.float64], later: NDArray[np.float64]) -> tuple[int, int]:
    """The row of each of the two whose product is least."""
    best, found = np.inf, (0, 0)
    rows = max(1, _AT_ONCE // len(later))
    for start in range(0, len(earlier), rows):
        distances = earlier[start : start + rows] @ later.T
        here, there = divmod(int(distances.argmin()), len(later))
        if distances[here, there] < best:
            best, found = float(distances[here, there]), (start + here, there)
    return found


_LOOK_BACK = 16384
"""Corners among which the nearest is sought: all of most masks, and of one like sawdust few enough to be done with it."""
_AT_ONCE = 1 << 18
"""Distances that are held at once."""
INSET = 0.25
"""How far inside the edges of pixels outlines are written for readers that fill the pixels of the outline as well."""


def _padded(mask: Mask) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """The pixels in a mask's box with an empty pixel around, none for an empty mask, and ``(x, y)`` of their first."""
    pixels, (left, top) = mask.crop()
    return (np.pad(pixels, 1) if pixels.size else pixels), np.array([left - 1, top - 1])


def _ways(pixels: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Every closed way along the boundary of padded pixels, with what is in the mask to its right, seen with y downwards.

    Corners are where the boundary turns. Along a row the boundary's horizontal edges are between the first and second corner, the third
    and fourth, and so on; along a column likewise the vertical ones. Where two pixels touch at a corner alone, it is two: one of each.
    """
    above, below = pixels[:-1], pixels[1:]
    quadrants = (above[:, :-1], above[:, 1:], below[:, :-1], below[:, 1:])
    count = sum((quadrant.astype(np.uint8) for quadrant in quadrants[1:]), quadrants[0].astype(np.uint8))
    falling = (count == 2) & quadrants[0] & quadrants[3]
    rising = (count == 2) & quadrants[1] & quadrants[2]
    # Of each corner: y, x, whether its own pixel is right of it, whether it is below; both matter only where there are two.
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
    """A closed way that may pass a point twice, as closed ways that do not."""
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
    """``(row, column)`` of a pixel of the mask beside the ring's first edge."""
    (x0, y0), (x1, y1) = ring[:2].tolist()
    if y0 == y1:
        return (y0, x0) if x1 > x0 else (y0 - 1, x0 - 1)
    return (y0, x0 - 1) if y1 > y0 else (y0 - 1, x0)


def _area(ring: NDArray[np.intp]) -> float:
    following = np.roll(ring, -1, axis=0)
    return float((ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]).sum()) / 2
