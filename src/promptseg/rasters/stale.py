"""Overviews of what a raster showed before: a file of them stays beside the raster when the raster is replaced."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
"""Width and height of the places that are compared, in pixels of the overview."""
_PLACES = 3
"""Number of places along each side of the raster."""
_STRANGE = 0.1
"""Share of pixels with a value that none of those around has, above which an overview is of something else."""


def shows_another(raster: Any, overview: Any, factor: int) -> bool:
    """Return whether an overview shows something else than its raster, by what both have in their first band at some places.

    However an overview was made, its values lie within those of the pixels around, but for a tenth of their range that sharp curves and
    compression may add.

    Args:
        raster: The raster, as a dataset of rasterio.
        overview: The overview, likewise.
        factor: By how much it is reduced.
    """
    rows, columns = (min(side, of // factor) for side, of in zip(overview.shape, raster.shape, strict=True))
    height, width = min(_SIDE, rows), min(_SIDE, columns)
    strange, count, rounded = 0, 0, float(np.dtype(overview.dtypes[0]).kind != "f")
    for y in np.linspace(0, rows - height, _PLACES).astype(int).tolist():
        for x in np.linspace(0, columns - width, _PLACES).astype(int).tolist():
            reduced = overview.read(1, window=((y, y + height), (x, x + width))).astype(np.float64)
            area = ((y * factor, (y + height) * factor), (x * factor, (x + width) * factor))
            full = raster.read(1, window=area).astype(np.float64).reshape(height, factor, width, factor)
            strange += _strange(reduced, full.min(axis=(1, 3)), full.max(axis=(1, 3)), rounded)
            count += reduced.size
    return strange > _STRANGE * count


def _strange(values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], rounded: float) -> int:
    """Return how many values lie outside of the limits of their place and its neighbors. Values that are no numbers lie inside."""
    known = values[np.isfinite(values)]
    around = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(low, around), cv2.dilate(high, around)
    slack = rounded + (0.1 * float(np.ptp(known)) if known.size else 0.0)
    return int(np.count_nonzero((values < least - slack) | (values > most + slack)))
