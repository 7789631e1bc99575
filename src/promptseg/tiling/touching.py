"""Pairs of boxes that touch, found without comparing each box with each other one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_Cell = tuple[int, int, int]


def touching_pairs(boxes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of boxes that share a pixel, each once and in no particular order, the lower index first.

    A box lies in the cells of a grid whose cells are as large as the box or up to twice as large, so in four of them at most. It is
    compared with what lies in the same cells of its own grid and of those with larger cells. The work is near linear in the number of
    boxes where few boxes lie on each other.

    Args:
        boxes: (N, 4) ``xyxy``, half-open, none of them empty.
    """
    levels = [int(side - 1).bit_length() for side in np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]).tolist()]
    corners: list[tuple[int, int, int, int]] = [tuple(box) for box in boxes.tolist()]
    cells: dict[_Cell, list[int]] = defaultdict(list)
    for index, level in enumerate(levels):
        for cell in _cells(corners[index], level):
            cells[cell].append(index)
    coarser = {level: [each for each in sorted(set(levels)) if each >= level] for level in set(levels)}
    for index, (level, box) in enumerate(zip(levels, corners, strict=True)):
        near = {
            other
            for each in coarser[level]
            for cell in _cells(box, each)
            for other in cells.get(cell, ())
            if levels[other] > level or other < index
        }
        for other in near:
            x0, y0, x1, y1 = corners[other]
            if x0 < box[2] and x1 > box[0] and y0 < box[3] and y1 > box[1]:
                yield min(index, other), max(index, other)


def _cells(box: tuple[int, int, int, int], level: int) -> Iterator[_Cell]:
    """Yield the cells that a box reaches into, of the grid with cells of ``2**level`` pixels."""
    x0, y0, x1, y1 = box
    for row in range(y0 >> level, ((y1 - 1) >> level) + 1):
        for column in range(x0 >> level, ((x1 - 1) >> level) + 1):
            yield level, row, column
