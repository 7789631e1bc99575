"""Upsampling of low-resolution logits to masks of image size, computed only where the mask can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..._rle import compressed
from ...masks import Mask
from .banded import BandedWeights
from .geometry import InputGeometry
from .mask_steps import NOTHING, MaskSteps, mask_steps


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
        self._rows, self._columns = (BandedWeights(weights) for weights in geometry.axis_weights())

    def __call__(self, logits: NDArray[np.float32], level: float = 0.0) -> UpsampledLogits:
        """Return the upsampled logits in a rectangle that contains all results above `level`.

        Bilinear interpolation is a weighted mean, so a pixel exceeds the level only where one of its (at most 3 x 3) logits does.

        Args:
            logits: (low_res, low_res) float32, or the top-left part of it of size `InputGeometry.low_res_used`.
            level: Level above which results are needed.
        """
        rectangle = self._rectangle(logits > level)
        if rectangle is None:
            return UpsampledLogits(np.zeros((0, 0), np.float32), (0, 0))
        left, top, right, bottom = rectangle
        across = self._columns.apply(logits[self._rows.inputs(top, bottom)].T, left, right)
        return UpsampledLogits(self._rows.apply(across.T, top, bottom, self._rows.inputs(top, bottom).start), (left, top))

    def steps(self, logits: NDArray[np.float32]) -> MaskSteps:
        """Return where the mask of pixels whose upsampled logits exceed 0 begins and ends. `logits` are those of `__call__`."""
        rectangle = self._rectangle(logits > 0)
        return NOTHING if rectangle is None else mask_steps(logits, self._rows, self._columns, rectangle)

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
        size = self.geometry.size
        counts = compressed(self.steps(logits).run_lengths((0, 0), size), size)
        return Mask(size, counts, score, logits=np.clip(logits, -limit, limit) if keep_logits else None)

    def _rectangle(self, above: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
        """Return ``(left, top, right, bottom)``, half-open, of the pixels that use one of some logits, or None if none does."""
        rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
        if not len(rows):
            return None
        top, bottom = self._rows.outputs(rows[0], rows[-1])
        left, right = self._columns.outputs(columns[0], columns[-1])
        return (left, top, right, bottom) if top < bottom and left < right else None  # Else only padding exceeds the level.


@lru_cache(maxsize=16)
def upsampler(geometry: InputGeometry) -> Upsampler:
    """Return the `Upsampler` of a geometry. The 16 most recently used are cached."""
    return Upsampler(geometry)
