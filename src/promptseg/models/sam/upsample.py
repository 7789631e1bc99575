"""Upsampling of low-resolution logits to masks of image size, computed only where the mask can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask
from .geometry import InputGeometry


@dataclass(frozen=True)
class UpsampledLogits:
    """Logits at image size inside a rectangle. Outside the rectangle all logits are at or below the requested level.

    Attributes:
        values: (h, w) float32 logits in the rectangle; h and w may be 0.
        origin: ``(x, y)`` of the rectangle's top-left corner in image pixels.
    """

    values: NDArray[np.float32]
    origin: tuple[int, int]


class Upsampler:
    """Upsampling of logits for images of one size. It is immutable, so threads may share it."""

    def __init__(self, geometry: InputGeometry) -> None:
        self.geometry = geometry
        self._rows, self._columns = (_BandedWeights(weights) for weights in geometry.axis_weights())

    def __call__(self, logits: NDArray[np.float32], level: float = 0.0) -> UpsampledLogits:
        """Return the upsampled logits in a rectangle that contains all results above `level`.

        Bilinear interpolation is a weighted mean, so a pixel exceeds the level only where one of its (at most 3 x 3) logits does.

        Args:
            logits: (low_res, low_res) float32, or the top-left part of it of size `InputGeometry.low_res_used`.
            level: Level above which results are needed.
        """
        above = logits > level
        rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
        if not len(rows):
            return UpsampledLogits(np.zeros((0, 0), np.float32), (0, 0))
        top, bottom = self._rows.outputs(rows[0], rows[-1])
        left, right = self._columns.outputs(columns[0], columns[-1])
        if top >= bottom or left >= right:  # Only padding exceeds the level.
            return UpsampledLogits(np.zeros((0, 0), np.float32), (0, 0))
        across = self._columns.apply(logits[self._rows.inputs(top, bottom)].T, left, right)
        return UpsampledLogits(self._rows.apply(across.T, top, bottom, self._rows.inputs(top, bottom).start), (int(left), int(top)))

    def mask(
        self,
        logits: NDArray[np.float32],
        *,
        score: float | None = None,
        keep_logits: bool = True,
        limit: float = float("inf"),
    ) -> Mask:
        """Return the mask of pixels whose upsampled logits exceed 0.

        Args:
            logits: Low-resolution logits, as for `__call__`.
            score: Score of the mask.
            keep_logits: Whether the mask keeps its low-resolution logits.
            limit: Kept logits are clipped to plus and minus this value.
        """
        upsampled = self(logits)
        return Mask.from_crop(
            upsampled.values > 0,
            upsampled.origin,
            self.geometry.size,
            score=score,
            logits=np.clip(logits, -limit, limit) if keep_logits else None,
        )


@lru_cache(maxsize=16)
def upsampler(geometry: InputGeometry) -> Upsampler:
    """Return the `Upsampler` of a geometry. The 16 most recently used are cached."""
    return Upsampler(geometry)


class _BandedWeights:
    """Matrix of interpolation weights (outputs, inputs), in which each output uses only a few neighboring inputs.

    Products are computed in strips of rows without the zero columns. On a large image that is a tenth of the work of the dense product.
    """

    STRIP = 16
    """Number of rows of a strip: so few that BLAS computes the product on one thread. Further BLAS threads would wait by spinning."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        used = weights != 0
        self._first = used.argmax(axis=1)
        self._stop = weights.shape[1] - used[:, ::-1].argmax(axis=1)
        touched = used.any(axis=0)
        first_output = np.where(touched, used.argmax(axis=0), len(weights))
        last_output = np.where(touched, len(weights) - used[::-1].argmax(axis=0), 0)
        # Inputs in the padding touch no output. A range that begins or ends there uses the nearest input that does.
        self._output_start = np.minimum.accumulate(first_output[::-1])[::-1]
        self._output_stop = np.maximum.accumulate(last_output)

    def outputs(self, first: int, last: int) -> tuple[int, int]:
        """Return the half-open range of outputs that use any of the inputs `first` to `last`; an empty range if none does."""
        return int(self._output_start[first]), int(self._output_stop[last])

    def inputs(self, start: int, stop: int) -> slice:
        """Return the inputs that the outputs `start` to `stop` (exclusive) use."""
        return slice(int(self._first[start]), int(self._stop[stop - 1]))

    def apply(self, values: NDArray[np.float32], start: int, stop: int, offset: int = 0) -> NDArray[np.float32]:
        """Return ``weights[start:stop] @ values``, where row 0 of `values` is input number `offset`."""
        result = np.empty((stop - start, values.shape[1]), np.float32)
        for begin in range(start, stop, self.STRIP):
            end = min(begin + self.STRIP, stop)
            used = self.inputs(begin, end)
            np.matmul(
                self._weights[begin:end, used], values[used.start - offset : used.stop - offset], out=result[begin - start : end - start]
            )
        return result
