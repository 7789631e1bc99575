"""From low-resolution logits to masks of the photo's size, computing only the part of the photo where the mask can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...masks import Mask
from .geometry import Geometry


@dataclass(frozen=True)
class UpsampledLogits:
    """Logits at the photo's size inside a rectangle, outside which all are below the level that they were asked for.

    Attributes:
        values: (h, w) float32; both may be 0.
        origin: ``(x, y)`` of the rectangle in the photo.
    """

    values: NDArray[np.float32]
    origin: tuple[int, int]


class Upsampler:
    """Upsamples logits of photos of one size; immutable, so that threads may share it."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._rows, self._columns = (_BandedWeights(weights) for weights in geometry.axis_weights())

    def __call__(self, logits: NDArray[np.float32], level: float = 0.0) -> UpsampledLogits:
        """Upsamples wherever the result may exceed `level`.

        Bilinear interpolation is a weighted mean, so a photo pixel exceeds the level only where one of its (at most 3 x 3) logits does.

        Args:
            logits: (low_res, low_res) float32 in the model's frame, or the part of it that `Geometry.low_res_used` names.
            level: Logits at or below it need not be exact.
        """
        above = logits > level
        rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
        if not len(rows):
            return UpsampledLogits(np.zeros((0, 0), np.float32), (0, 0))
        top, bottom = self._rows.outputs(rows[0], rows[-1])
        left, right = self._columns.outputs(columns[0], columns[-1])
        if top >= bottom or left >= right:  # Only the padding exceeds the level.
            return UpsampledLogits(np.zeros((0, 0), np.float32), (0, 0))
        across = self._columns.apply(logits[self._rows.inputs(top, bottom)].T, left, right)
        return UpsampledLogits(self._rows.apply(across.T, top, bottom, self._rows.inputs(top, bottom).start), (int(left), int(top)))

    def mask(
        self,
        logits: NDArray[np.float32],
        *,
        score: float | None = None,
        keep_logits: bool = True,
        prompt_index: int | None = None,
        limit: float = float("inf"),
    ) -> Mask:
        """The mask of the photo where the upsampled logits are over 0; the logits that it keeps lie between plus and minus `limit`."""
        upsampled = self(logits)
        return Mask.from_crop(
            upsampled.values > 0,
            upsampled.origin,
            self.geometry.size,
            score=score,
            logits=np.clip(logits, -limit, limit) if keep_logits else None,
            prompt_index=prompt_index,
        )


@lru_cache(maxsize=16)
def upsampler(geometry: Geometry) -> Upsampler:
    """The `Upsampler` of a geometry, made once."""
    return Upsampler(geometry)


class _BandedWeights:
    """Interpolation weights (outputs, inputs) of which each output uses a few neighboring inputs.

    Multiplied in strips that leave out the zeros: a tenth of the dense product's work on a large photo.
    """

    STRIP = 16
    """So small that numpy's BLAS does not split a product among threads of its own, which would wait for work by spinning."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        used = weights != 0
        self._first = used.argmax(axis=1)
        self._stop = weights.shape[1] - used[:, ::-1].argmax(axis=1)
        touched = used.any(axis=0)
        first_output = np.where(touched, used.argmax(axis=0), len(weights))
        last_output = np.where(touched, len(weights) - used[::-1].argmax(axis=0), 0)
        # Inputs in the padding touch no output: a range that begins or ends there takes the nearest touched input's.
        self._output_start = np.minimum.accumulate(first_output[::-1])[::-1]
        self._output_stop = np.maximum.accumulate(last_output)

    def outputs(self, first: int, last: int) -> tuple[int, int]:
        """The half-open range of outputs that inputs `first` to `last` touch; its end is not after its start where there is none."""
        return int(self._output_start[first]), int(self._output_stop[last])

    def inputs(self, start: int, stop: int) -> slice:
        """The inputs that outputs `start` to before `stop` use."""
        return slice(int(self._first[start]), int(self._stop[stop - 1]))

    def apply(self, values: NDArray[np.float32], start: int, stop: int, offset: int = 0) -> NDArray[np.float32]:
        """``weights[start:stop] @ values``, where row 0 of `values` is input `offset`."""
        result = np.empty((stop - start, values.shape[1]), np.float32)
        for begin in range(start, stop, self.STRIP):
            end = min(begin + self.STRIP, stop)
            used = self.inputs(begin, end)
            np.matmul(
                self._weights[begin:end, used], values[used.start - offset : used.stop - offset], out=result[begin - start : end - start]
            )
        return result
