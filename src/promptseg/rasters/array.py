"""`ArrayReader`: an array as a raster, in memory or mapped from a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..masks import Size
from .averaging import averaged
from .georeference import Georeference
from .pixel_sizes import PixelSize
from .reader import Band, Samples
from .window import Window


class ArrayReader:
    """An array as a raster. It is not copied, so it must not change.

    Args:
        array: (H, W), (H, W, bands), of bool, integers or floats; NaN is no data. Or a function that returns such an array, always of the
            same pixels, for each window.
        name: Name of the raster.
        bands: Its bands; by default gray for one, RGB for three and RGBA for four.
        bits: Number of bits of a sample that are used; by default all.
        georeference: Where it lies in the world.
        orientation: How the pixels are stored, 1 to 8 as EXIF counts.
        close: What to do when the raster is closed.

    Raises:
        InputError: The array has another shape or type, or no pixels.
    """

    overviews: tuple[Size, ...] = ()
    pixel_size: PixelSize | None = None

    def __init__(
        self,
        array: NDArray[Any] | Callable[[], NDArray[Any]],
        name: str = "array",
        *,
        bands: tuple[Band, ...] | None = None,
        bits: int | None = None,
        georeference: Georeference | None = None,
        orientation: int = 1,
        close: Callable[[], object] | None = None,
    ) -> None:
        mapped = _constant(array) if isinstance(array, np.ndarray) else array
        self._mapped: Callable[[], NDArray[Any]] | None = mapped
        array = mapped()
        if array.ndim not in (2, 3) or not array.size:
            raise InputError(f"a raster is an array (height, width) or (height, width, bands) with pixels, got shape {array.shape}")
        if array.dtype.kind not in "biuf":
            raise InputError(f"a raster has samples of bool, integers or floats, got {array.dtype}")
        self.name, self.georeference, self.orientation, self._close = name, georeference, orientation, close
        self.size: Size = (array.shape[0], array.shape[1])
        self.dtype: np.dtype[Any] = array.dtype
        self.bits = bits or (1 if array.dtype.kind == "b" else array.dtype.itemsize * 8)
        self.bands = _bands(array.shape[2] if array.ndim == 3 else 1) if bands is None else bands
        colors = [band.color for band in self.bands]
        self._alpha = colors.index("alpha") if "alpha" in colors else None
        self.complete = self._alpha is None and self.dtype.kind != "f"

    def read(self, window: Window, size: Size, bands: tuple[int, ...]) -> Samples:
        """Return the samples of a window that lies in the raster, see `Reader.read`."""
        return averaged(lambda part: self._part(part, bands), window, size)

    def _part(self, window: Window, bands: tuple[int, ...]) -> Samples:
        if self._mapped is None:
            raise InputError(f"{self.name} is closed, and cannot be read any more")
        part = self._mapped()[window.y : window.bottom, window.x : window.right].reshape(*window.size, -1)
        values = part[..., list(bands)]
        valid = np.ones(window.size, bool) if self._alpha is None else part[..., self._alpha] > 0
        return Samples(values, valid & np.isfinite(values).any(axis=2) if self.dtype.kind == "f" else valid)

    def close(self) -> None:
        """Forget the array."""
        self._mapped = None
        close, self._close = self._close, None
        if close is not None:
            close()


def _constant(array: NDArray[Any]) -> Callable[[], NDArray[Any]]:
    return lambda: array


def _bands(count: int) -> tuple[Band, ...]:
    if count == 1:
        return (Band("", "gray"),)
    if count in (3, 4):
        return (Band("", "red"), Band("", "green"), Band("", "blue"), Band("", "alpha"))[:count]
    return (Band(),) * count
