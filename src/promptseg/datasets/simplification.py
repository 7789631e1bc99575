"""Simplification of outlines, so that people can edit them: rings with fewer corners that stay valid geometry.

Each ring is simplified by the algorithm of Ramer, Douglas and Peucker. A ring keeps all its corners where it would vanish, touch itself or
another ring, or no longer lie inside or outside another ring as before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..masks import Polygon
from .polygons import Ring, ring_area

Ground = NDArray[np.float64]
"""(2, 2) float64 matrix from ``(column, row)`` to distances ``(x, y)`` on the ground. It can be inverted."""


def simplified(polygons: Sequence[Polygon], tolerance: float, ground: Ground | None = None) -> list[Polygon]:
    """Return polygons with fewer corners.

    Args:
        polygons: The parts of a mask, from `promptseg.datasets.polygons.outlines`.
        tolerance: Distance by which an outline may move, in pixels, or in units of the ground if there is one. With 0 the polygons are
            returned as they are.
        ground: The map from pixels to the ground in which distances are measured; None for pixels. Corners are returned in pixels.
    """
    parts = simplified_parts([[polygon.exterior, *polygon.holes] for polygon in polygons], tolerance, ground)
    return [Polygon(exterior, tuple(holes)) for exterior, *holes in parts]


def simplified_parts(parts: Sequence[Sequence[Ring]], tolerance: float, ground: Ground | None = None) -> list[list[Ring]]:
    """Return the parts of a mask with fewer corners. Rings that would not be valid among the others stay as they are.

    Args:
        parts: For each part its rings. With a ground, their corners are whole pixels.
        tolerance: Distance by which a ring may move, in pixels, or in units of the ground if there is one. With 0 the rings are returned as
            they are.
        ground: The map from pixels to the ground in which distances are measured; None for pixels.
    """
    exact = [ring for part in parts for ring in part]
    chosen = [_simplified_ring(ring, tolerance, ground) if tolerance else ring for ring in exact]
    changed = {index for index, (ring, given) in enumerate(zip(chosen, exact, strict=True)) if len(ring) < len(given)}
    while changed and (wrong := (_touching(chosen, changed) or _misplaced(exact, chosen, changed))):
        for index in wrong:
            chosen[index] = exact[index]
        changed -= wrong
    rings = iter(chosen)
    return [[next(rings) for _ in part] for part in parts]


def _simplified_ring(ring: Ring, tolerance: float, ground: Ground | None) -> Ring:
    if ground is None:
        found = _approximated(ring, tolerance)
    else:
        # Lengths in which a pixel is about 1 keep the accuracy of float32, whatever the units of the ground are.
        unit = float(np.linalg.svd(ground, compute_uv=False)[-1])
        scaled = np.asarray(ground, np.float64).T / unit
        found = np.rint(_approximated(ring.astype(np.float64) @ scaled, tolerance / unit) @ np.linalg.inv(scaled)).astype(np.float32)
    return found if len(found) >= 3 and ring_area(found) * ring_area(ring) > 0 else ring


def _approximated(ring: NDArray[np.floating], tolerance: float) -> Ring:
    import cv2

    return cv2.approxPolyDP(ring.reshape(-1, 1, 2).astype(np.float32), min(tolerance, _FARTHEST), True).reshape(-1, 2).astype(np.float32)


def _touching(rings: Sequence[Ring], changed: set[int]) -> set[int]:
    """Return the changed rings that touch or cross themselves or another ring.

    Edges are taken in the order of their left ends, many at once, and compared with those that follow and overlap them in ``x``.
    """
    starts = np.concatenate(rings).astype(np.float64)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).astype(np.float64)
    lengths = [len(ring) for ring in rings]
    owner, length = np.repeat(np.arange(len(rings)), lengths), np.repeat(lengths, lengths)
    place = np.arange(len(starts)) - np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    is_changed = np.isin(owner, list(changed))
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.argsort(low[:, 0], kind="stable")
    low, high = np.ascontiguousarray(low.T), np.ascontiguousarray(high.T)
    lefts = low[0, order]
    wrong: set[int] = set()
    for at in range(0, len(order), _EDGES_AT_ONCE):
        edges = order[at : at + _EDGES_AT_ONCE]
        others = order[at : int(np.searchsorted(lefts, high[0, edges].max(), "right"))]
        if not is_changed[edges].any():
            others = np.concatenate([edges, others[len(edges) :][is_changed[others[len(edges) :]]]])
        overlap = np.arange(len(others)) > np.arange(len(edges))[:, None]
        overlap &= low[0, others] <= high[0, edges, None]
        overlap &= low[1, others] <= high[1, edges, None]
        overlap &= high[1, others] >= low[1, edges, None]
        overlap &= is_changed[edges, None] | is_changed[others]
        first, second = np.nonzero(overlap)
        one, two = edges[first], others[second]
        step = (place[two] - place[one]) % length[one]
        neighbors = (owner[one] == owner[two]) & ((step == 1) | (step == length[one] - 1))
        # Neighbors share a corner. They overlap only where an edge goes back on the one before.
        own, their = ends[one] - starts[one], ends[two] - starts[two]
        back = (own[:, 0] * their[:, 1] == own[:, 1] * their[:, 0]) & ((own * their).sum(axis=1) < 0)
        wrong_pairs = np.where(neighbors, back, _meet(starts[one], ends[one], starts[two], ends[two]))
        wrong.update(owner[one[wrong_pairs]].tolist(), owner[two[wrong_pairs]].tolist())
    return wrong & changed


def _meet(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which edges ``a``-``b`` have a point with the edges ``c``-``d``, each (N, 2), when their boxes overlap."""
    return np.asarray((_side(a, b, c) * _side(a, b, d) <= 0) & (_side(c, d, a) * _side(c, d, b) <= 0))


def _side(a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sign((b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (p[..., 0] - a[..., 0]))


def _misplaced(exact: Sequence[Ring], chosen: Sequence[Ring], changed: set[int]) -> set[int]:
    """Return the changed rings that have another ring inside or outside in another way than before. No ring touches another."""
    lows, highs = (np.array([end(ring, axis=0) for ring in exact]) for end in (np.min, np.max))
    wrong: set[int] = set()
    for outer in range(len(exact)):
        near = np.flatnonzero(((lows <= highs[outer]) & (highs >= lows[outer])).all(axis=1))
        for inner in near.tolist():
            if inner == outer or not {outer, inner} & changed:
                continue
            corner, following = exact[inner][:2].astype(np.float64)
            # A quarter of a pixel along an edge lies on no other ring, unlike a corner.
            point = corner + (following - corner) / max(1e-9, math.dist(corner, following)) / 4
            if _is_inside(exact[outer], point) != _is_inside(chosen[outer], chosen[inner][0]):
                wrong |= changed & {outer, inner}
    return wrong


def _is_inside(ring: Ring, point: NDArray[np.floating]) -> bool:
    import cv2

    return cv2.pointPolygonTest(ring.astype(np.float32), (float(point[0]), float(point[1])), False) > 0


_EDGES_AT_ONCE = 128
"""Number of edges that are compared with others at once."""
_FARTHEST = 1e6
"""Largest tolerance that makes a difference."""
