"""Rasterization of polygons by the rule of the COCO API, as run-length encoding.

The pixels are those of ``rleFrPoly`` in pycocotools' maskApi.c, which `promptseg` does not call: it follows every edge in steps of a fifth
of a pixel, so that a far coordinate costs gigabytes and one beyond 4e8 overflows an integer and crashes. Here each edge is looked at only
where it crosses the center of one of the image's columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ._rle import covered, without_pairs

FARTHEST = 1e12
"""Largest coordinate in pixels. Up to it, 64-bit floats place every crossing to a thousandth of a pixel."""

Ring = NDArray[np.float64]
"""(N, 2) float64 corners ``(x, y)``, finite, of at most `FARTHEST`."""


def boundaries(parts: Sequence[Sequence[Ring]], height: int, width: int) -> NDArray[np.int64]:
    """Return where the union of polygons begins and ends, counted in pixels down the columns.

    Memory grows with the columns that the polygons cross, not with the pixels of the image.

    Args:
        parts: The polygons, each an exterior ring followed by the rings of its holes.
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        Sorted positions: of the first pixel of a run, of the first pixel after it, and so on.
    """
    union: NDArray[np.int64] = np.zeros(0, np.int64)
    waiting: list[NDArray[np.int64]] = []
    held = 0
    for exterior, *holes in parts:
        part = _inside(exterior, height, width)
        if holes:
            part = covered([part], [_inside(hole, height, width) for hole in holes])
        waiting.append(part)
        held += part.size
        if held > _CHUNK + 2 * union.size:  # So a union is not made again for each small part.
            union, waiting, held = covered([union, *waiting]), [], 0
    return covered([union, *waiting])


def _inside(ring: Ring, height: int, width: int) -> NDArray[np.int64]:
    """Return where the runs of one ring begin and end: pixels that the ring goes around an odd number of times."""
    corners = np.trunc(ring * _STEPS + 0.5)  # rleFrPoly rounds so: toward zero, also below it.
    found: NDArray[np.int64] = np.zeros(0, np.int64)
    held: list[NDArray[np.int64]] = []
    size = 0
    for crossings in _crossings(corners, np.roll(corners, -1, axis=0), height, width):
        held.append(crossings)
        size += crossings.size
        if size > _CHUNK + found.size:
            found, held, size = without_pairs(np.concatenate([found, *held])), [], 0
    found = without_pairs(np.concatenate([found, *held]))
    return np.append(found, height * width) if found.size % 2 else found


def _crossings(start: Ring, end: Ring, height: int, width: int) -> Iterator[NDArray[np.int64]]:
    """Yield the pixels, counted down the columns, at which the edges of a ring cross the centers of columns.

    Coordinates are whole numbers of fifths of a pixel. The center of column k lies between the steps ``5k + 2`` and ``5k + 3``.
    """
    left, right = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    first = np.maximum(np.ceil((left - 2) / _STEPS), 0)
    last = np.minimum(np.floor((right - 3) / _STEPS), width - 1)
    counts = np.maximum(last - first + 1, 0).astype(np.int64)
    edges = np.flatnonzero(counts)
    ends = np.cumsum(counts[edges])
    for begin in range(0, int(ends[-1]) if ends.size else 0, _CHUNK):
        numbers = np.arange(begin, min(begin + _CHUNK, int(ends[-1])))
        place = np.searchsorted(ends, numbers, side="right")
        edge = edges[place]
        column = first[edge] + (numbers - (ends[place] - counts[edge]))
        row = (_upper_step(start[edge], end[edge], column * _STEPS + 2) + 0.5) / _STEPS - 0.5
        yield (column * height + np.ceil(np.clip(row, 0, height))).astype(np.int64)


def _upper_step(start: Ring, end: Ring, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smaller y of the two steps of an edge between which its x goes from `step` to ``step + 1``.

    Every operation is that of ``rleFrPoly`` in the same order, because ties between two pixels depend on the last bit.
    """
    width, height = np.abs(end - start).T
    flat = width >= height
    along = np.where(flat, 0, 1)[:, None]  # Steps go along x in a flat edge, along y in a steep one, always upward.
    swap = np.take_along_axis(start, along, 1) > np.take_along_axis(end, along, 1)
    (x0, y0), (x1, y1) = np.where(swap, end, start).T, np.where(swap, start, end).T
    slope = np.where(flat, y1 - y0, x1 - x0) / np.where(flat, width, height)
    along_x = np.minimum(_at(y0, slope, step - x0), _at(y0, slope, step + 1 - x0))
    # In a steep edge, x passes from one step to the next at one y. The quotient is off by less than one step.
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.floor((step + 0.5 - x0) / slope)
    guess = np.where(np.isfinite(guess), guess, 0)
    falling = slope < 0
    upper = guess - 2
    for ahead in (-1, 0, 1):
        upper = np.where((_at(x0, slope, guess + ahead) > step) == falling, guess + ahead, upper)
    return np.where(flat, along_x, y0 + upper)


def _at(origin: NDArray[np.float64], slope: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.trunc(origin + slope * steps + 0.5)


_STEPS = 5
"""Steps in a pixel of ``rleFrPoly``."""

_CHUNK = 1 << 17
"""Number of crossings that are computed and held together."""
