"""What a window of a label raster shows of each object, and parts of equal numbers that are connected across windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .._rle import compressed, runs_of_steps
from ..masks import Mask
from ..rasters.window import Window
from ..scene_masks import SceneMask


def pieces_of(numbers: NDArray[Any], window: Window) -> Iterator[tuple[int, SceneMask]]:
    """Yield each number of a window but 0, with its pixels. It costs what the runs of equal numbers down the columns cost.

    Args:
        numbers: (height, width) whole numbers; 0 is the background.
        window: Where they are.
    """
    height, width = numbers.shape
    columns = np.zeros((width, height + 1), numbers.dtype)  # With one pixel of background below, every run ends in its own column.
    columns[:, :-1] = numbers.T
    flat = columns.reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ends = np.append(starts[1:], flat.size)
    of_objects = np.flatnonzero(flat[starts])
    order = of_objects[np.argsort(flat[starts[of_objects]], kind="stable")]
    values, starts, ends = flat[starts[order]], starts[order], ends[order]
    groups = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if values.size else np.zeros(0, np.int64)
    for first, after in zip(groups.tolist(), [*groups[1:].tolist(), values.size], strict=False):
        yield int(values[first]), _mask(starts[first:after], ends[first:after], height, window)


def _mask(starts: NDArray[np.int64], ends: NDArray[np.int64], height: int, window: Window) -> SceneMask:
    """Return the mask of runs down the columns of a window, each column of which has one more pixel."""
    column, top = np.divmod(starts, height + 1)
    bottom = top + ends - starts
    x0, y0, x1, y1 = int(column[0]), int(top.min()), int(column[-1]) + 1, int(bottom.max())
    rows = y1 - y0
    base = (column - x0) * (rows + 1) - y0
    steps = np.stack([base + top, base + bottom], 1).reshape(-1)
    size = (rows, x1 - x0)
    counts = compressed(runs_of_steps(steps, rows, 0, 0, *size), size)
    return SceneMask(Mask(size, counts), (window.x + x0, window.y + y0))


class ConnectedParts:
    """Connected parts of equal numbers, found window by window, row by row from the top left. Pixels that touch at a corner are connected.

    Args:
        width: Width of the raster.
    """

    def __init__(self, width: int) -> None:
        # The lowest rows of the windows above and of those at work, with a pixel of background at both ends.
        self._above, self._below = np.zeros(width + 2, np.int64), np.zeros(width + 2, np.int64)
        self._left: NDArray[np.int64] | None = None
        self._numbers: list[int] = []
        self._parents: list[int] = []

    def found(self, numbers: NDArray[Any], window: Window) -> NDArray[np.int64]:
        """Return the parts of a window as numbers from 1 on, (height, width); 0 is the background.

        What one window shows of a part has another number than what the next one shows. `part_of` tells that they are one.

        Args:
            numbers: (height, width) whole numbers; 0 is the background.
            window: Where they are. It follows the last one on its right, or begins the next row of windows.
        """
        if window.x == 0:
            self._above, self._below = self._below, self._above
            self._left = None
        parts = self._within(numbers)
        if window.y:
            self._connect(parts[0], self._above[window.x : window.right + 2])
        if self._left is not None:
            self._connect(parts[:, 0], self._left)
        self._left = np.pad(parts[:, -1], 1)
        self._below[window.x + 1 : window.right + 1] = parts[-1]
        return parts

    def part_of(self, part: int) -> tuple[int, int]:
        """Return the number that stands for a part in all of its windows, and the number of its pixels in the raster."""
        root = self._root(part)
        return root, self._numbers[root - 1]

    def __len__(self) -> int:
        return len(self._numbers)

    def _within(self, numbers: NDArray[Any]) -> NDArray[np.int64]:
        """Return the connected parts of one window."""
        parts = np.zeros(numbers.shape, np.int64)
        for number, mask in pieces_of(numbers, Window(0, 0, *numbers.shape)):
            x0, y0, x1, y1 = mask.box
            count, found = cv2.connectedComponents(mask.mask.array.astype(np.uint8), connectivity=8)
            there = found > 0
            parts[y0:y1, x0:x1][there] = found[there] + len(self)
            self._parents += range(len(self) + 1, len(self) + count)
            self._numbers += [number] * (count - 1)
        return parts

    def _connect(self, line: NDArray[np.int64], beside: NDArray[np.int64]) -> None:
        """Connect parts along a line of pixels with those of the line beside it, which is one pixel longer at both ends."""
        for shift in range(3):
            pairs = np.stack([line, beside[shift : shift + len(line)]], 1)
            for one, other in np.unique(pairs[pairs.all(axis=1)], axis=0).tolist():
                if self._numbers[one - 1] == self._numbers[other - 1]:
                    first, second = sorted((self._root(one), self._root(other)))
                    self._parents[second - 1] = first

    def _root(self, part: int) -> int:
        while (parent := self._parents[part - 1]) != part:
            self._parents[part - 1] = part = self._parents[parent - 1]
        return part
