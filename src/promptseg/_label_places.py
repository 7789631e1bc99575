"""Places for labels on an image: beside their masks, over no other label, and over no small mask if there is room elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""``(x0, y0, x1, y1)`` in pixels, half-open."""

_LARGE = 6
"""A mask of this many times the area of a label is large: a label within it hides little of it."""

_MOST_COVERED = 0.5
"""Share of a small mask from which on a label counts as hiding it."""


def place_labels(
    size: tuple[int, int], anchors: Sequence[Box], labels: Sequence[tuple[int, int]], masks: NDArray[np.int64], *, complete: bool
) -> list[Box | None]:
    """Return the place of each label.

    A label stands above its box if there is room and nothing small is hidden there, else within it, below it or beside it.

    Args:
        size: ``(height, width)`` of the image.
        anchors: Box of the object of each label.
        labels: ``(width, height)`` of each label.
        masks: (N, 4) boxes of all masks, ``x0, y0, x1, y1``.
        complete: Whether a label for which no place is free is moved down to the next free one. Otherwise it is left out.

    Returns:
        The place of each label, or None for those that are left out.
    """
    taken: list[Box] = []
    places: list[Box | None] = []
    for anchor, label in zip(anchors, labels, strict=True):
        free = [place for place in _candidates(size, anchor, label) if not _overlapping(place, taken)]
        hidden = [_hidden(place, masks) for place in free]
        if free:
            place = free[hidden.index(min(hidden))]
        elif complete:
            place = _moved_down(size, next(_candidates(size, anchor, label)), taken)
        else:
            places.append(None)
            continue
        taken.append(place)
        places.append(place)
    return places


def _candidates(size: tuple[int, int], anchor: Box, label: tuple[int, int]) -> Iterator[Box]:
    """Yield places of a label around its box, the best first, all of them within the image."""
    (height, width), (wide, high) = size, label
    x0, y0, x1, y1 = anchor
    corners = []
    if y0 >= high:
        corners += [(x0, y0 - high)]
    corners += [(x0, y0)]
    if y0 >= high:
        corners += [(x1 - wide, y0 - high)]
    middle = (y0 + y1 - high) // 2
    corners += [(x0, y1), (x1 - wide, y1), (x1, y0), (x1, middle), (x0 - wide, y0), (x0 - wide, middle), (x1 - wide, y0), (x0, y1 - high)]
    for x, y in corners:
        left, top = max(0, min(x, width - wide)), max(0, min(y, height - high))
        yield left, top, left + wide, top + high


def _overlapping(place: Box, taken: Sequence[Box]) -> list[Box]:
    x0, y0, x1, y1 = place
    return [other for other in taken if x0 < other[2] and other[0] < x1 and y0 < other[3] and other[1] < y1]


def _hidden(place: Box, masks: NDArray[np.int64]) -> int:
    """Return how many small masks a label at a place would hide."""
    x0, y0, x1, y1 = place
    areas = np.maximum(1, (masks[:, 2] - masks[:, 0]) * (masks[:, 3] - masks[:, 1]))
    across = np.minimum(masks[:, 2], x1) - np.maximum(masks[:, 0], x0)
    down = np.minimum(masks[:, 3], y1) - np.maximum(masks[:, 1], y0)
    covered = np.maximum(0, across) * np.maximum(0, down)
    return int(((covered > _MOST_COVERED * areas) & (areas < _LARGE * (x1 - x0) * (y1 - y0))).sum())


def _moved_down(size: tuple[int, int], place: Box, taken: Sequence[Box]) -> Box:
    x0, y, x1, end = place
    high = end - y
    while under := _overlapping((x0, y, x1, y + high), taken):
        y = max(other[3] for other in under)
    y = max(0, min(y, size[0] - high))
    return x0, y, x1, y + high
