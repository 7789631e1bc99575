"""`StretchedRaster`: the raster that `open_raster` returns: a reader, its chosen bands, and the limits of their stretching."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import is_whole_number
from ..errors import InputError, shown
from ..image_formats import MAX_PIXELS
from ..masks import Size
from .georeference import Georeference
from .pixel_sizes import PixelSize
from .reader import Reader
from .stretching import Limits, stretched
from .window import Window


class StretchedRaster:
    """A raster as 8-bit RGB. It is a `promptseg.rasters.raster.Raster`.

    Args:
        reader: Where the samples come from.
        bands: Indices of one band (gray) or of three (red, green, blue).
        limits: For each of these, the values that become 0 and 255; None where the samples are 8 bits already.
        description: How to open it again.
    """

    def __init__(self, reader: Reader, bands: tuple[int, ...], limits: Limits | None, description: Mapping[str, Any]) -> None:
        self._reader, self._bands, self._limits, self._description = reader, bands, limits, dict(description)
        self._negative = np.array([reader.bands[band].white_is_low for band in bands])
        self._last: tuple[Window, Size, NDArray[np.bool_]] | None = None

    @property
    def name(self) -> str:
        """Name for people and for outputs, such as ``scene.tif``."""
        return self._reader.name

    @property
    def size(self) -> Size:
        """``(height, width)`` in pixels at full resolution."""
        return self._reader.size

    @property
    def georeference(self) -> Georeference | None:
        """Where the raster lies in the world, or None where it does not say."""
        return self._reader.georeference

    @property
    def overviews(self) -> tuple[Size, ...]:
        """``(height, width)`` of the reduced copies in the file, the largest first. Without them, a reduced window is read in full."""
        return self._reader.overviews

    @property
    def pixel_size(self) -> PixelSize | None:
        """Width and height of a pixel in micrometers, as files of microscopes and scanners state them; None where the file does not."""
        return self._reader.pixel_size

    @property
    def description(self) -> Mapping[str, Any]:
        """How to open this raster again with the same pixels, as JSON values, see `promptseg.rasters.raster.Raster.description`."""
        return dict(self._description)

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Return the pixels of a window as RGB.

        Args:
            window: The window. It must lie in the raster.
            size: ``(height, width)`` of the result, at most that of the window, which is the default.

        Returns:
            (height, width, 3) uint8 RGB, C-contiguous. Pixels without data are black.

        Raises:
            InputError: The window does not lie in the raster, the size is none of a window of it, or the file cannot be read there.
        """
        wanted = self._checked(window, size)
        values, valid = self._reader.read(window, wanted, self._bands)
        self._last = window, wanted, valid  # Who reads a window often asks next where it has data.
        pixels = stretched(values, self._limits)
        if self._negative.any():
            pixels = np.where(self._negative, 255 - pixels, pixels)
        if not valid.all():
            pixels = np.where(valid[..., None], pixels, np.uint8(0))
        return np.ascontiguousarray(np.broadcast_to(pixels, (*valid.shape, 3)))

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Return which pixels of a window have data, (height, width) bool. The arguments are those of `read`."""
        wanted = self._checked(window, size)
        if self._reader.complete:
            return np.ones(wanted, bool)
        last = self._last
        return last[2].copy() if last is not None and last[:2] == (window, wanted) else self._reader.read(window, wanted, self._bands).valid

    def _checked(self, window: Window, size: Size | None) -> Size:
        """Return the size of the result, after a check of what was asked for."""
        height, width = self.size
        if not isinstance(window, Window) or window.bottom > height or window.right > width:
            raise InputError(f"{shown(window)} does not lie in {self.name}, which has {height} rows and {width} columns")
        wanted = window.size if size is None else size
        if (
            not isinstance(wanted, (tuple, list))
            or len(wanted) != 2
            or not all(is_whole_number(side, 1) and side <= most for side, most in zip(wanted, window.size, strict=True))
        ):
            raise InputError(f"a window of {window.size} (height, width) is read in that size or a smaller one, got {shown(size)}")
        if wanted[0] * wanted[1] > MAX_PIXELS:
            raise InputError(
                f"at most {MAX_PIXELS} pixels are read at once, got {wanted[0]} x {wanted[1]} of {self.name}: read it by windows"
            )
        return int(wanted[0]), int(wanted[1])

    def close(self) -> None:
        """Close the file. Nothing can be read afterwards."""
        self._last = None
        self._reader.close()

    def __enter__(self) -> StretchedRaster:  # noqa: PYI034 - Python 3.10 has no Self.
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<raster {self.name}, {self.size[1]} wide, {self.size[0]} high>"
