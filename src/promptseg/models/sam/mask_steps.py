"""The places where an upsampled mask begins and ends, found without upsampling what is clearly inside or outside of it.

A mask of 100 megapixels has logits of 256 x 256: one for each 40 x 40 pixels. Bilinear interpolation is a weighted mean, so between logits
that are all positive every pixel is inside, and between such as are not, none. Only around the outline are pixels computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._rle import runs_of_steps
from ...masks import Size
from .banded import BandedWeights

COLUMNS = 16 * BandedWeights.STRIP
"""Number of columns of the image that are looked at together."""

SURELY = np.float32(1e-30)
"""Logits above it are positive after interpolation, too. The product of a smaller one and a weight may vanish."""


@dataclass(frozen=True)
class MaskSteps:
    """Where a mask begins and ends.

    Attributes:
        steps: Sorted places at which a run begins, ends, begins …, counted down the columns of a rectangle. Each column has one more pixel,
            an empty one, below it.
        rows: Rows of the rectangle.
        origin: ``(x, y)`` of the rectangle's top-left corner in image pixels.
    """

    steps: NDArray[np.int64]
    rows: int
    origin: tuple[int, int]

    def run_lengths(self, at: tuple[int, int], size: Size) -> list[int]:
        """Return the run lengths of the mask in an image of a size ``(height, width)``, in which its own image lies at ``(x, y)``."""
        x, y = self.origin[0] + at[0], self.origin[1] + at[1]
        return runs_of_steps(self.steps, self.rows, x, y, *size)


NOTHING = MaskSteps(np.zeros(0, np.int64), 0, (0, 0))
"""A mask without pixels."""


def mask_steps(logits: NDArray[np.float32], rows: BandedWeights, columns: BandedWeights, rectangle: tuple[int, int, int, int]) -> MaskSteps:
    """Return where the mask of logits over 0 begins and ends, upsampled inside a rectangle that contains it.

    Args:
        logits: (low_res, low_res) float32, or the part of it that the rectangle uses.
        rows: Weights of interpolation down the image.
        columns: Weights of interpolation across the image.
        rectangle: ``(left, top, right, bottom)`` in image pixels, half-open.
    """
    left, top, right, bottom = rectangle
    used = rows.inputs(top, bottom)
    values = logits[used].T
    strips = _Strips(rows, top, bottom)
    found = []
    for begin in range(left, right, COLUMNS):
        inside = strips.inside(columns.apply(values, begin, min(begin + COLUMNS, right)))
        flat = inside.reshape(-1)
        steps = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        found.append((np.concatenate([[0], steps]) if flat[0] else steps) + (begin - left) * inside.shape[1])
    return MaskSteps(np.concatenate(found), bottom - top, (left, top))


class _Strips:
    """Rows `top` to `bottom` (exclusive) of an image, in the strips in which they are interpolated."""

    def __init__(self, rows: BandedWeights, top: int, bottom: int) -> None:
        self._rows, self._top, self._height = rows, top, bottom - top
        self._offset = rows.inputs(top, bottom).start
        self._edges, first, last = rows.strips(top, bottom)
        self._pairs = np.stack([first, last], axis=1).reshape(-1) - self._offset

    def inside(self, across: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which pixels of some columns are inside of the mask.

        Args:
            across: (N, inputs) float32, the logits of N columns of the image, interpolated across and not yet down.

        Returns:
            (N, height + 1) bool, with an empty pixel below each column.
        """
        # `reduceat` takes pairs of places, and what lies between the pairs, which is left out.
        lowest = np.minimum.reduceat(np.append(across.min(axis=0), np.inf), self._pairs)[::2]
        highest = np.maximum.reduceat(np.append(across.max(axis=0), -np.inf), self._pairs)[::2]
        full = lowest > SURELY
        inside = np.zeros((len(across), self._height + 1), bool)
        inside[:, :-1] = np.repeat(full, np.diff(self._edges))
        for start, stop in _runs(~full & ~(highest <= 0)):
            begin, end = int(self._edges[start]), int(self._edges[stop])
            inside[:, begin - self._top : end - self._top] = (self._rows.apply(across.T, begin, end, self._offset) > 0).T
        return inside


def _runs(chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of true values, as ``(start, stop)``, half-open."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    return [(int(start), int(stop)) for start, stop in edges]
